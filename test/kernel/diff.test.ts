// Layers applied and differences made over gRPC, by the real agent, on both snapshotters of ours: each must give the same trees.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";
import type { Mount } from "../../src/daemon/containerd/api/types.ts";
import { put, rejects, sha256 } from "../../src/daemon/containerd/conformance/harness.ts";
import { createSubject } from "./core-subject.ts";
import { type Described, describe, dir, file, hardlink, symlink, tar } from "./layer/support.ts";

const GZIP = "application/vnd.oci.image.layer.v1.tar+gzip";
const BASE = tar(
  ...[dir("d"), file("d/kept", "1"), file("d/gone", "2"), dir("opaque"), file("opaque/below", "3"), dir("dropped")],
  ...[file("dropped/x", "4"), file("set", "5", { mode: 0o4755, uid: 7, gid: 8 }), symlink("link", "d/kept")],
);
const SECOND = tar(
  ...[file("d/.wh.gone"), dir("opaque"), file("opaque/.wh..wh..opq"), file("opaque/new", "6"), file(".wh.dropped")],
  ...[file("own", "7"), hardlink("own-too", "own")],
);

/** Shows mounts to `look`, or lets it change what is in them. */
function mounted<T>(path: string, mounts: readonly Mount[], look: (path: string) => T): T {
  mkdirSync(path, { recursive: true });
  for (const { type, source, options } of mounts) {
    const how = type === "bind" ? ["--rbind"] : ["-t", type, "-o", options.join(",")];
    execFileSync("mount", [...how, source, path]);
  }
  try {
    return look(path);
  } finally {
    execFileSync("umount", [path]);
  }
}

/** A tree as tars carry it: whole seconds, without overlayfs's own attributes and the root's time. */
function tree(path: string): Record<string, Described> {
  const all = describe(path);
  for (const one of Object.values(all)) {
    if (/^\d+$/.test(one.mtime)) one.mtime = String(BigInt(one.mtime) / 1_000_000_000n);
    for (const name of Object.keys(one.xattrs ?? {})) if (name.startsWith("trusted.overlay.")) delete one.xattrs![name];
    if (one.xattrs && Object.keys(one.xattrs).length === 0) delete one.xattrs;
    // With an overlay these are the file system's own numbers.
    delete one.inode;
  }
  return all;
}

const CHANGE = `echo more >>d/kept; rm opaque/new; rm -r d/sub 2>/dev/null || true; mkdir -m 2750 fresh; mknod fresh/null c 1 3
  ln -s x fresh/l; mkfifo fresh/p; echo own >fresh/f; chown 3:4 fresh/f; ln fresh/f fresh/g; setfattr -n user.k -v v fresh/f; chmod 600 set`;

const results: { before: Record<string, Described>; after: Record<string, Described>; names: string[] }[] = [];

for (const snapshotter of ["overlayfs", "native"]) {
  test(`a layer is applied, a difference made and applied again: ${snapshotter}`, async () => {
    await using subject = await createSubject(true);
    const namespace = subject.client("a");
    const client = namespace.withLease((await namespace.leases.create()).id);
    const snapshots = client.snapshots(snapshotter);
    const mnt = join(subject.dir, "mnt");
    let parent = "";
    for (const [name, bytes] of Object.entries({ one: BASE, two: SECOND })) {
      const layer = await put(client.content, gzipSync(bytes), {}, GZIP);
      const { applied } = await client.diff.apply(layer, await snapshots.prepare(`extract ${name}`, parent));
      assert.deepEqual([applied.digest, applied.size], [sha256(bytes), bytes.length]);
      assert.equal(applied.mediaType, "application/vnd.oci.image.layer.v1.tar");
      await snapshots.commit(name, `extract ${name}`);
      parent = name;
    }
    const lower = await snapshots.view("below", "two");
    const before = mounted(mnt, lower, tree);
    const expected = ["d", "d/kept", "link", "opaque", "opaque/new", "own", "own-too", "set"];
    assert.deepEqual(Object.keys(before).sort(), [".", ...expected]);
    const upper = await snapshots.prepare("top", "two");
    mounted(mnt, upper, (cwd) => execFileSync("bash", ["-euc", CHANGE], { cwd }));
    const after = mounted(mnt, upper, tree);
    assert.deepEqual(mounted(mnt, lower, tree), before, "what is below has not changed");

    const diff = await client.diff.diff(lower, upper, { mediaType: GZIP, labels: { mine: "yes" } });
    assert.equal(diff.mediaType, GZIP);
    const blob = await client.content.read(diff);
    assert.deepEqual([sha256(blob), blob.length], [diff.digest, diff.size]);
    const { labels } = await client.content.info(diff.digest);
    assert.deepEqual(labels, { mine: "yes", "containerd.io/uncompressed": sha256(gunzipSync(blob)) });
    // the same bytes stored by another way, which does not say what they are when unpacked
    await client.content.update({ digest: diff.digest, labels: { other: "way" } });
    assert.deepEqual(await client.diff.diff(lower, upper, { mediaType: GZIP, labels: { mine: "no" } }), diff);
    const told = { other: "way", "containerd.io/uncompressed": sha256(gunzipSync(blob)) };
    assert.deepEqual((await client.content.info(diff.digest)).labels, told);
    const names = execFileSync("tar", ["-tz"], { input: blob, encoding: "utf8" }).trim().split("\n").sort();
    assert.ok(names.includes("opaque/.wh.new") && names.includes("fresh/null"), names.join(" "));
    assert.ok(!names.some((name) => /own-too|link/.test(name)), names.join(" "));

    const again = await snapshots.prepare("again", "two");
    const { applied } = await client.diff.apply(diff, again);
    assert.equal(applied.digest, labels["containerd.io/uncompressed"]);
    assert.deepEqual(mounted(mnt, again, tree), after);
    results.push({ before, after, names });

    const broken = await put(client.content, gzipSync(BASE).subarray(0, 100), {}, GZIP);
    await rejects(client.diff.apply(broken, again), "DataLoss", "InvalidArgument");
  });
}

test("both snapshotters show the same trees and differences", () => {
  const [overlay, native] = results;
  assert.ok(overlay && native);
  assert.deepEqual(native.before, overlay.before);
  assert.deepEqual(native.names, overlay.names);
  assert.deepEqual(Object.keys(native.after), Object.keys(overlay.after));
});
