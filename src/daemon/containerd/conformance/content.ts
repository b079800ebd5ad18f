/** The contract of ContentStore. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { bytesOf, collect, put, readAll, rejects, type SubjectFactory, sha256, skipped } from "./harness.ts";

export function contentSuite(name: string, create: SubjectFactory): void {
  const check = (title: string, body: (subject: Awaited<ReturnType<SubjectFactory>>) => Promise<void>) =>
    test(`${name}: content: ${title}`, skipped(create, title), async () => {
      await using subject = await create();
      await body(subject);
    });

  for (const size of [0, 1, 1000, 256 * 1024, 256 * 1024 + 1, 3_000_000]) {
    check(`a blob of ${size} bytes is read as it was written`, async ({ client }) => {
      const { content } = client("a");
      const data = bytesOf(size);
      const { digest } = await put(content, data, { color: "red" });
      const info = await content.info(digest);
      assert.equal(info.size, size);
      assert.deepEqual(info.labels, { color: "red" });
      assert.deepEqual(Buffer.from(await readAll(content.reader({ digest }))), Buffer.from(data));
      assert.deepEqual(await content.listStatuses(), []);
    });
  }

  check(
    "chunks stay as they were given, however long their reader takes and whoever else reads",
    async ({ client }) => {
      const { content } = client("a");
      const data = bytesOf(9_000_000);
      const { digest } = await put(content, data);
      const slowly = async (pause: number) => {
        const parts: Uint8Array[] = [];
        for await (const part of content.reader({ digest })) {
          parts.push(part);
          await sleep(pause);
        }
        return Buffer.concat(parts);
      };
      for (const read of await Promise.all([slowly(0), slowly(1), slowly(3)])) assert.ok(read.equals(data));
    },
  );

  check("ranges are read, and refused beyond the end", async ({ client }) => {
    const { content } = client("a");
    const data = bytesOf(1_000_000);
    // no collection that comes meanwhile takes it
    const { digest } = await put(content, data, { "containerd.io/gc.root": "x" });
    for (const [offset, length] of [
      [0, 10],
      [999_990, 100],
      [1_000_000, 5],
      [300_000, 400_000],
    ] as const) {
      const read = await readAll(content.reader({ digest }, { offset, length }));
      assert.deepEqual(Buffer.from(read), Buffer.from(data.subarray(offset, offset + length)));
    }
    await rejects(readAll(content.reader({ digest }, { offset: 1_000_001 })), "OutOfRange");
    await rejects(content.read({ digest }, 10), "ResourceExhausted");
    assert.equal((await content.read({ digest })).length, 1_000_000);
  });

  check("what is not there is NotFound", async ({ client }) => {
    const { content } = client("a");
    const digest = sha256(bytesOf(3));
    await rejects(content.info(digest), "NotFound");
    await rejects(content.update({ digest, labels: {} }), "NotFound");
    await rejects(content.delete(digest), "NotFound");
    await rejects(readAll(content.reader({ digest })), "NotFound");
    await rejects(content.status("none"), "NotFound");
    await rejects(content.abort("none"), "NotFound");
  });

  check(
    "a writer refuses a digest that is there, and a commit of the same bytes under another ref",
    async ({ client }) => {
      const { content } = client("a");
      const data = bytesOf(5000);
      const { digest } = await put(content, data);
      await rejects(content.writer({ ref: "again", digest }), "AlreadyExists");
      await using writer = await content.writer({ ref: "blind" });
      await writer.write(data);
      const error = await rejects(writer.commit(), "AlreadyExists");
      assert.equal(error.subject, digest);
      await rejects(content.status("blind"), "NotFound");
    },
  );

  for (const size of [1000, 700_000]) {
    check(`a wrong size or digest is refused, and the ingest of ${size} bytes can be corrected`, async ({ client }) => {
      const { content } = client("a");
      const data = bytesOf(size);
      const digest = sha256(data);
      const write = async (bytes: Uint8Array) => {
        const writer = await content.writer({ ref: "one" });
        await writer.truncate(0);
        await writer.write(bytes);
        return writer;
      };
      await rejects((await write(data)).commit({ size: size + 1 }), "FailedPrecondition");
      await rejects((await write(bytesOf(size, 9))).commit({ size, digest }), "FailedPrecondition");
      assert.equal((await content.status("one")).offset, size);
      assert.equal(await (await write(data)).commit({ size, digest }), digest);
    });
  }

  for (const [first, second] of [
    [100, 200],
    [300_000, 500_000],
    [100, 900_000],
  ] as const) {
    check(`writing ${first} bytes is taken up again for ${second} more`, async ({ client }) => {
      const { content } = client("a");
      const data = bytesOf(first + second);
      const digest = sha256(data);
      {
        await using writer = await content.writer({ ref: "r", size: data.length, digest });
        await writer.write(data.subarray(0, first));
      }
      const status = await content.status("r");
      assert.deepEqual([status.ref, status.offset, status.total, status.expected], ["r", first, data.length, digest]);
      await using writer = await content.writer({ ref: "r" });
      assert.equal(writer.status().offset, first);
      await writer.write(data.subarray(first));
      await writer.truncate(first + 10);
      await writer.write(data.subarray(first + 10));
      await writer.commit({ size: data.length, digest });
      assert.deepEqual(Buffer.from(await content.read({ digest })), Buffer.from(data));
    });
  }

  check("an ingest of another size begins anew", async ({ client }) => {
    const { content } = client("a");
    await using first = await content.writer({ ref: "r", size: 10 });
    await first.write(Buffer.from("abc"));
    await first.close();
    await using same = await content.writer({ ref: "r", size: 10 });
    assert.equal(same.status().offset, 3);
    await same.close();
    await using other = await content.writer({ ref: "r", size: 4 });
    assert.deepEqual([other.status().offset, other.status().total], [0, 4]);
    await other.write(Buffer.from("wxyz"));
    await other.commit({ size: 4, digest: sha256(Buffer.from("wxyz")) });
  });

  check("one ref has one writer at a time", async ({ client }) => {
    const { content } = client("a");
    const writer = await content.writer({ ref: "r" });
    await rejects(content.writer({ ref: "r" }), "Unavailable");
    await using other = await client("b").content.writer({ ref: "r" });
    assert.equal(other.status().offset, 0);
    await writer.close();
    await writer.close();
    await (await content.writer({ ref: "r" })).close();
    await rejects(content.writer({ ref: "" }), "InvalidArgument");
  });

  check("writes that are called for at once come in their order", async (subject) => {
    const { content } = subject.client("a");
    const data = bytesOf(900_000);
    await using writer = await content.writer({ ref: "r" });
    await Promise.all([0, 1, 2].map((at) => writer.write(data.subarray(at * 300_000, (at + 1) * 300_000))));
    assert.equal(await writer.commit(), sha256(data));
  });

  check("an ingest says when it was written, not when it was opened", async (subject) => {
    const { content } = subject.client("a");
    const writer = await content.writer({ ref: "r" });
    await new Promise((resolve) => setTimeout(resolve, 40));
    // the kernel's time of a file may be some milliseconds behind
    const before = new Date(Date.now() - 20).toISOString();
    await writer.write(bytesOf(100));
    const after = new Date(Date.now() + 2).toISOString();
    await new Promise((resolve) => setTimeout(resolve, 20));
    await writer.close();
    await using again = await content.writer({ ref: "r" });
    const { updatedAt, offset } = again.status();
    assert.equal(offset, 100);
    assert.ok(before.slice(0, -1) <= updatedAt.slice(0, 23) && updatedAt <= after, `${before} ${updatedAt} ${after}`);
  });

  check("the digest of what is written so far is told", async (subject) => {
    const { content } = subject.client("a");
    const data = bytesOf(700_000);
    await using writer = await content.writer({ ref: "r" });
    for (let at = 0; at < data.length; at += 100_000) {
      await writer.write(data.subarray(at, at + 100_000));
      assert.equal(await writer.digest(), sha256(data.subarray(0, at + 100_000)));
    }
    await writer.truncate(0);
    await writer.write(data.subarray(0, 10));
    assert.equal(await writer.digest(), sha256(data.subarray(0, 10)));
    await writer.commit();
    assert.equal(await writer.digest(), sha256(data.subarray(0, 10)));
  });

  check("a closed writer refuses", async ({ client }) => {
    const { content } = client("a");
    const writer = await content.writer({ ref: "r" });
    await writer.write(bytesOf(10));
    await writer.commit();
    await rejects(writer.write(bytesOf(1)), "FailedPrecondition");
    await rejects(writer.commit(), "FailedPrecondition");
  });

  check("abort drops an ingest, also an open one", async ({ client }) => {
    const { content } = client("a");
    const writer = await content.writer({ ref: "open" });
    await writer.write(bytesOf(400_000));
    await content.abort("open");
    await rejects(content.status("open"), "NotFound");
    await using again = await content.writer({ ref: "open" });
    assert.equal(again.status().offset, 0);
  });

  check("statuses are filtered by ref", async ({ client }) => {
    const { content } = client("a");
    for (const ref of ["layer-1", "layer-2", "config"]) {
      await using writer = await content.writer({ ref });
      await writer.write(bytesOf(10));
    }
    assert.deepEqual(
      (await content.listStatuses()).map(({ ref }) => ref),
      ["config", "layer-1", "layer-2"],
    );
    assert.deepEqual(
      (await content.listStatuses(["ref~=^layer"])).map(({ ref }) => ref),
      ["layer-1", "layer-2"],
    );
  });

  check("labels are updated whole and by key", async ({ client }) => {
    const { content } = client("a");
    const { digest } = await put(content, bytesOf(10), { a: "1", b: "2" });
    const before = await content.info(digest);
    const keyed = await content.update({ digest, labels: { a: "x", c: "3" } }, ["labels.a", "labels.b", "labels.c"]);
    assert.deepEqual(keyed.labels, { a: "x", c: "3" });
    assert.ok(keyed.updatedAt > before.updatedAt);
    assert.equal(keyed.createdAt, before.createdAt);
    assert.deepEqual((await content.update({ digest, labels: { z: "9" } })).labels, { z: "9" });
    await rejects(content.update({ digest, labels: {} }, ["size"]), "InvalidArgument");
    await rejects(content.update({ digest, labels: { k: "v".repeat(5000) } }), "InvalidArgument");
    assert.deepEqual((await content.info(digest)).labels, { z: "9" });
  });

  check("a walk sees all, or those a filter takes", async ({ client }) => {
    const { content } = client("a");
    const all = [];
    for (let i = 0; i < 5; i++) all.push((await put(content, bytesOf(10, i + 1), { n: String(i) })).digest);
    assert.deepEqual(
      (await collect(content.walk())).map(({ digest }) => digest),
      [...all].sort(),
    );
    assert.deepEqual(
      (await collect(content.walk(["labels.n==3"]))).map(({ digest }) => digest),
      [all[3]],
    );
    assert.equal((await collect(content.walk([`digest==${all[0]}`, "labels.n==1"]))).length, 2);
  });

  check("a blob of another namespace is invisible, and costs nothing to take over", async ({ client }) => {
    const a = client("a").content;
    const b = client("b").content;
    const data = bytesOf(600_000);
    const { digest } = await put(a, data, { mine: "1" });
    await rejects(b.info(digest), "NotFound");
    {
      await using writer = await b.writer({ ref: "r", digest, size: data.length });
      assert.equal(writer.status().offset, data.length);
      await writer.commit({ size: data.length, digest });
    }
    assert.deepEqual((await b.info(digest)).labels, {});
    // The removal has a collection follow, which may come before the read.
    await b.update({ digest, labels: { "containerd.io/gc.root": "1" } });
    await a.delete(digest);
    await rejects(a.info(digest), "NotFound");
    assert.equal((await b.read({ digest })).length, data.length);
  });

  check("a blob that is being taken over may still be written differently", async ({ client }) => {
    const data = bytesOf(600_000);
    const { digest } = await put(client("a").content, data);
    const { content } = client("b");
    await using writer = await content.writer({ ref: "r", digest, size: data.length });
    await writer.truncate(500_000);
    await writer.write(data.subarray(500_000));
    await writer.write(bytesOf(10));
    await rejects(writer.commit({ digest }), "FailedPrecondition");
    await using again = await content.writer({ ref: "r" });
    await again.truncate(data.length);
    assert.equal(await again.commit({ digest }), digest);
  });
}
