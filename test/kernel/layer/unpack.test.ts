// Unpacking what real tar programs write: everything a file system can hold comes back as it was.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { before, test } from "node:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { describe, dir, file, folder, paths, setUp, sh, tar, theAgent, unpack } from "./support.ts";

setUp();

let tree = "";

before(() => {
  tree = folder("tree");
  sh(
    `mkdir -p a/b/c sticky; chmod 1777 sticky; mkdir -m 2755 setgid; mkdir -m 0555 readonly
     printf hello > a/file; printf '' > a/empty; head -c 3000000 /dev/urandom > a/big
     ln a/file a/b/hard; ln -s ../file a/b/soft; ln -s /etc/passwd a/absolute; ln -s nowhere a/dangling
     mkfifo -m 600 a/fifo; mknod a/null c 1 3; mknod a/loop b 7 300; mknod a/large c 2730 74565
     cp /bin/true a/suid; chown 1000:1001 a/suid; chmod 6755 a/suid
     cp /bin/true a/caps; setcap cap_net_raw,cap_chown+ep a/caps
     setfattr -n user.note -v "$(printf 'x\\001y')" a/file; setfattr -n user.empty a/file; setfattr -n trusted.mine -v yes a/b
     n=$(printf 'n%.0s' {1..250}); mkdir -p "deep/$n/$n"; echo long > "deep/$n/$n/$n"
     ln -s "$n/$n/$n" deep/longlink
     echo umlaut > 'ä ö"\\n'; printf x > "$(printf 'latin\\344\\377')"; echo nl > $'new\\nline'; touch -- -dash .hidden ...
     chown 2000000:3000000 a/b/c; touch -d '1969-12-31 23:59:58.25 UTC' a/old; touch -d '2040-01-02 03:04:05.678901234 UTC' a/future
     touch -d '2001-02-03 04:05:06.123456789 UTC' a/file a/b/c setgid; truncate -s 20M a/sparse
     printf start | dd of=a/sparse conv=notrunc status=none; printf middle | dd of=a/sparse bs=1 seek=7000001 conv=notrunc status=none
     truncate -s 12G a/holes; printf end | dd of=a/holes bs=1 seek=12884901885 conv=notrunc status=none
     chmod 0500 readonly`,
    tree,
  );
});

/** What a format cannot hold is taken out of the expectation. */
function expected(
  change: (entry: ReturnType<typeof describe>[string], path: string) => void,
): ReturnType<typeof describe> {
  const all = describe(tree);
  for (const [path, entry] of Object.entries(all)) change(entry, path);
  return all;
}

const XATTRS = "--xattrs --xattrs-include='*' --acls";

for (const sparse of [
  "",
  "--sparse --sparse-version=0.0",
  "--sparse --sparse-version=0.1",
  "--sparse --sparse-version=1.0",
]) {
  test(`unpack() restores all of a PAX archive of GNU tar ${sparse || "without sparse files"}`, async () => {
    const blob = folder("blob", false);
    sh(`tar --format=posix ${XATTRS} ${sparse} ${sparse ? "" : "--exclude=a/holes"} -cf ${blob} -C ${tree} .`);
    const { target, size, diffId } = await unpack(blob);
    const want = describe(tree);
    if (!sparse) delete want["a/holes"];
    assert.deepEqual(describe(target), want);
    assert.equal(`sha256:${sh(`sha256sum < ${blob}`).slice(0, 64)}`, diffId);
    assert.equal(size, Number(sh(`stat -c %s ${blob}`)));
  });
}

test("unpack() restores holes as holes", async () => {
  const blob = folder("blob", false);
  sh(`tar --format=gnu --sparse -cf ${blob} -C ${tree} a/holes a/sparse`);
  const { target } = await unpack(blob);
  const [size, blocks] = sh(`stat -c '%s %b' ${target}/a/holes`).split(" ").map(Number);
  assert.equal(size, 12884901888);
  assert(blocks! <= 64, `${blocks} blocks`);
  assert.equal(sh(`tail -c 3 ${target}/a/holes`), "end");
  sh(`cmp ${tree}/a/sparse ${target}/a/sparse`);
});

test("unpack() restores GNU's own format: long names, base-256 numbers, old sparse files; times in seconds, no xattrs", async () => {
  const blob = folder("blob", false);
  sh(`tar --format=gnu --sparse -cf ${blob} -C ${tree} .`);
  const { target } = await unpack(blob);
  const want = expected((entry) => {
    delete entry.xattrs;
    if (entry.mtime !== "root")
      entry.mtime = `${Math.floor(Number(entry.mtime) / 1e9)}000000000`.replace("-1000000000", "-2000000000");
  });
  assert.deepEqual(describe(target), want);
});

test("unpack() restores archives of bsdtar", async () => {
  const blob = folder("blob", false);
  sh(`bsdtar --format=pax --xattrs --acls --exclude=a/holes -cf ${blob} -C ${tree} .`);
  const { target } = await unpack(blob);
  const want = expected(() => {});
  delete want["a/holes"];
  const got = describe(target);
  for (const all of [want, got]) for (const entry of Object.values(all)) delete entry.xattrs?.["user.empty"];
  // bsdtar writes -1.75 s as -2.25
  assert.equal(got["a/old"]?.mtime, "-2250000000");
  want["a/old"]!.mtime = got["a/old"]!.mtime;
  assert.deepEqual(got, want);
});

test("unpack() restores ustar and v7", async () => {
  const small = folder("small");
  sh(`cp -a ${tree}/a/file ${tree}/a/b ${tree}/a/empty . ; rm -rf b/c; touch -d @1234567890 b file empty`, small);
  for (const format of ["ustar", "v7"]) {
    const blob = folder("blob", false);
    sh(`tar --format=${format} -cf ${blob} -C ${small} .`);
    const { target } = await unpack(blob);
    const want = describe(small);
    for (const entry of Object.values(want)) delete entry.xattrs;
    for (const [path, entry] of Object.entries(describe(target))) {
      if (entry.type !== "symlink") assert.deepEqual({ path, ...entry }, { path, ...want[path] });
    }
    assert.deepEqual(paths(target), paths(small));
  }
});

test("unpack() tells gzip, zstd and plain tar apart by their first bytes, and takes members one after the other", async () => {
  const archive = tar(dir("d"), file("d/f", "content".repeat(100000)));
  const half = archive.length >> 1;
  const skippable = Buffer.concat([Buffer.from([0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0]), Buffer.from("abc")]);
  const forms: Record<string, Buffer> = {
    plain: archive,
    gzip: gzipSync(archive),
    "gzip in two members": Buffer.concat([gzipSync(archive.subarray(0, half)), gzipSync(archive.subarray(half))]),
    "gzip with a member of nothing": Buffer.concat([gzipSync(""), gzipSync(archive), gzipSync("")]),
    zstd: zstdCompressSync(archive),
    "zstd in two frames": Buffer.concat([
      zstdCompressSync(archive.subarray(0, half)),
      zstdCompressSync(archive.subarray(half)),
    ]),
    "zstd with skippable frames": Buffer.concat([skippable, zstdCompressSync(archive), skippable]),
  };
  const diffIds = new Set<string>();
  for (const [form, blob] of Object.entries(forms)) {
    const { target, diffId, blobSize, size } = await unpack(blob);
    assert.deepEqual(paths(target), ["d", "d/f"], form);
    assert.equal(readFileSync(`${target}/d/f`, "utf8").length, 700000, form);
    assert.deepEqual([blobSize, size], [blob.length, archive.length], form);
    diffIds.add(diffId);
  }
  assert.equal(diffIds.size, 1);
});

test("unpack() follows a blob that is still being written, and takes one from the connection", async () => {
  const blob = gzipSync(tar(dir("d"), file("d/f", "x".repeat(1000)), file("d/g", "y".repeat(500000))), { level: 0 });
  const path = folder("growing", false);
  const { appendFileSync, writeFileSync } = await import("node:fs");
  writeFileSync(path, "");
  const target = folder();
  const mounts = [{ type: "bind", source: target, target: "", options: [] }];
  async function* grown(): AsyncGenerator<number> {
    for (let at = 0; at < blob.length; at += 100000) {
      appendFileSync(path, blob.subarray(at, at + 100000));
      yield Math.min(blob.length, at + 100000);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }
  const followed = await theAgent().unpack({ mounts, mediaType: "", source: { path, grown: grown() } });
  assert.equal(followed.blobSize, blob.length);
  assert.equal(readFileSync(`${target}/d/g`, "utf8"), "y".repeat(500000));
  async function* bytes(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < blob.length; at += 7001) yield blob.subarray(at, at + 7001);
  }
  const streamed = await theAgent().unpack({
    mounts: [{ ...mounts[0]!, source: folder() }],
    mediaType: "",
    source: bytes(),
  });
  assert.equal(streamed.diffId, followed.diffId);
  assert.equal(streamed.diffId, followed.diffId);
});

test("unpack() counts what it makes as the file system does", async () => {
  const blob = folder("blob", false);
  sh(`tar --format=posix -cf ${blob} -C /usr/share/doc --exclude='*.gz' --hard-dereference .`);
  const { target, usage } = await unpack(blob);
  const measured = await theAgent().usage(target);
  assert.equal(usage.inodes, measured.inodes);
  assert(Math.abs(usage.size - measured.size) < measured.size * 0.05, `${usage.size} for ${measured.size}`);
});

test("unpack() restores a large part of a Debian as tar does", async () => {
  const blob = folder("blob", false);
  sh(`tar --format=posix ${XATTRS} -czf ${blob} --sort=name etc usr/sbin usr/lib/python3* usr/lib/systemd`, "/");
  const reference = folder();
  sh(`tar ${XATTRS} --numeric-owner -xpf ${blob} -C ${reference}`);
  const { target, missingParents } = await unpack(blob);
  const [want, got] = [describe(reference), describe(target)];
  assert.deepEqual(missingParents, ["usr", "usr/lib"]);
  for (const path of missingParents) {
    want[path]!.mtime = got[path]!.mtime = "";
    want[path]!.mode = got[path]!.mode;
  }
  assert.deepEqual(got, want);
});
