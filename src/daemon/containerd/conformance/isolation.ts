/** The contract of ContentStore where namespaces are isolated (content-sharing-policy). */

import assert from "node:assert/strict";
import { test } from "node:test";
import { bytesOf, collectGarbage, put, readAll, rejects, type SubjectFactory, sha256, skipped } from "./harness.ts";

const SHAREABLE = "containerd.io/namespace.shareable";

/** `create` makes subjects with the policy `isolated`. */
export function isolationSuite(name: string, create: SubjectFactory): void {
  const check = (title: string, body: (subject: Awaited<ReturnType<SubjectFactory>>) => Promise<void>) =>
    test(`${name}: isolated: ${title}`, skipped(create, title), async () => {
      await using subject = await create();
      await body(subject);
    });

  check("a blob of another namespace has to be shown whole", async ({ client }) => {
    const data = bytesOf(5000);
    const digest = await put(client("a").content, data).then((one) => one.digest);
    const { content } = client("b");
    await rejects(content.info(digest), "NotFound");
    await rejects(readAll(content.reader({ digest })), "NotFound");
    {
      await using writer = await content.writer({ ref: "r", digest, size: data.length });
      assert.equal(writer.status().offset, 0);
      await rejects(writer.commit({ digest, size: data.length }), "FailedPrecondition");
    }
    await rejects(content.info(digest), "NotFound");
    await using writer = await content.writer({ ref: "r", digest, size: data.length });
    await writer.write(data);
    assert.equal(await writer.commit({ digest, size: data.length }), digest);
    assert.deepEqual(Buffer.from(await content.read({ digest })), Buffer.from(data));
    // One goes, the other stays.
    await client("a").content.delete(digest);
    await collectGarbage(client("a"));
    await using again = await client("a").content.writer({ ref: "r", digest, size: data.length });
    assert.equal(again.status().offset, 0);
  });

  check("a namespace labelled shareable gives its blobs by their digests", async ({ client }) => {
    const data = bytesOf(5000);
    const { namespaces } = client("a");
    await namespaces.create({ name: "a", labels: { [SHAREABLE]: "true" } });
    const { digest } = await put(client("a").content, data);
    const { content } = client("b");
    await rejects(content.info(digest), "NotFound");
    await using writer = await content.writer({ ref: "r", digest, size: data.length });
    assert.equal(writer.status().offset, data.length);
    await writer.commit({ digest, size: data.length });
    assert.equal((await content.info(digest)).size, data.length);
  });

  check("the label counts for its own namespace alone, and only as true", async ({ client }) => {
    const [own, other] = [bytesOf(100, 2), bytesOf(100, 3)];
    const { namespaces } = client("a");
    await namespaces.create({ name: "a", labels: { [SHAREABLE]: "false" } });
    await namespaces.create({ name: "open", labels: { [SHAREABLE]: "true" } });
    await put(client("a").content, own);
    await put(client("open").content, other);
    const offset = async (data: Uint8Array) => {
      const request = { ref: `r-${sha256(data)}`, digest: sha256(data), size: data.length };
      await using writer = await client("b").content.writer(request);
      return writer.status().offset;
    };
    assert.deepEqual([await offset(own), await offset(other)], [0, other.length]);
    // A second namespace that has it and gives it is enough.
    await put(client("open").content, own);
    await client("b").content.abort(`r-${sha256(own)}`);
    assert.equal(await offset(own), own.length);
  });

  check("introspection tells the policy", async ({ client }) => {
    const [plugin] = await client("a").introspection.plugins(["type==io.containerd.metadata.v1"]);
    assert.equal(plugin?.exports.policy, "isolated");
  });
}
