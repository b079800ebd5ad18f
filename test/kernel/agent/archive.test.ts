// What docker cp needs: paths of a tree out as a tar and back in, never out of the tree.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { gzipSync } from "node:zlib";
import {
  describe,
  dir,
  file,
  folder,
  hardlink,
  overlaid,
  paths,
  setUp,
  sh,
  symlink,
  tar,
  theAgent,
  unpack,
} from "../layer/support.ts";

setUp();

let root = "";

before(() => {
  root = folder("root");
  sh(
    "mkdir -p etc/conf srv/data; echo x > etc/passwd; echo d > srv/data/f; ln -s /srv/data etc/link; ln -s ../../../../srv up; ln -s nowhere dangling; ln -s /etc/passwd file; chown 5:6 srv/data/f",
    root,
  );
});

async function get(
  path: string,
): Promise<{ names: string[]; stat: Awaited<ReturnType<ReturnType<typeof theAgent>["archiveStat"]>> }> {
  const parts: Buffer[] = [];
  const stat = await theAgent().archiveGet({ root }, path, async (data) => void parts.push(Buffer.from(data)));
  const { spawnSync } = await import("node:child_process");
  const { stdout } = spawnSync("tar", ["-tPf", "-"], { input: Buffer.concat(parts), encoding: "utf8" });
  return { names: stdout.trim().split("\n"), stat };
}

test("archiveGet() names entries after the path that was asked for", async () => {
  assert.deepEqual((await get("/srv")).names, ["srv/", "srv/data/", "srv/data/f"]);
  assert.deepEqual((await get("srv/data/")).names, ["data/", "data/f"]);
  assert.deepEqual((await get("/srv/data/.")).names, ["./", "./f"], "its content");
  assert.deepEqual((await get("/etc/passwd")).names, ["passwd"]);
  assert.deepEqual((await get("/etc/link/f")).names, ["f"]);
  assert.deepEqual((await get("/etc/link")).names, ["link"], "a link is a link");
  assert.deepEqual((await get("/etc/link/")).names, ["link/", "link/f"], "and followed with a slash at its end");
  assert.deepEqual((await get("/up/data/../../../../etc/conf")).names, ["conf/"]);
  const all = (await get("/")).names;
  assert(all.includes("/") && all.includes("/etc/passwd"), all.join());
});

test("archiveStat() tells what is there, and where links lead inside the tree", async () => {
  const stat = async (path: string) => theAgent().archiveStat({ root }, path);
  assert.deepEqual(
    [(await stat("/etc/passwd")).name, (await stat("/etc/passwd")).size, (await stat("/etc/passwd")).mode],
    ["passwd", 2, 0o100644],
  );
  assert.equal((await stat("/")).name, "/");
  assert.equal((await stat("/")).mode & 0o170000, 0o040000);
  assert.equal((await stat("/etc/link")).linkTarget, "/srv/data");
  assert.equal((await stat("/up")).linkTarget, "/srv");
  assert.equal((await stat("/dangling")).linkTarget, "/nowhere");
  await assert.rejects(stat("/never"), { code: "NotFound" });
  await assert.rejects(stat("/never/there"), { code: "NotFound" });
  await assert.rejects(stat("/file/"), /ENOTDIR/);
});

async function* stream(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

test("archivePut() unpacks into a directory of the tree, through its links, never out of it", async () => {
  const target = folder("target");
  sh(
    "mkdir -p dest/old abs; echo old > dest/file; ln -s /abs link; ln -s ../../../../../../tmp dest/out; chmod 2775 dest; chgrp 77 dest",
    target,
  );
  const before = describe(target).dest;
  const archive = tar(
    dir("new"),
    file("new/f", "f", { uid: 11, gid: 12, mode: 0o4755 }),
    file("file", "replaced"),
    hardlink("hard", "new/f"),
    symlink("soft", "/etc"),
    file(".wh.x", "no whiteout"),
  );
  await theAgent().archivePut({ root: target }, "/dest", stream(gzipSync(archive)));
  const got = describe(target);
  assert.deepEqual(paths(`${target}/dest`), [".wh.x", "file", "hard", "new", "new/f", "old", "out", "soft"]);
  assert.deepEqual([got["dest/new/f"]!.uid, got["dest/new/f"]!.gid, got["dest/new/f"]!.mode], [11, 12, "0o4755"]);
  assert.deepEqual([got["dest/new"]!.gid, got["dest/new"]!.mode], [0, "0o755"], "not the setgid directory's group");
  assert.equal(got.dest!.mode, before!.mode);
  await theAgent().archivePut({ root: target }, "link", stream(tar(file("through", "x"))), {
    owner: { uid: 21, gid: 22 },
  });
  assert.deepEqual([describe(target)["abs/through"]!.uid, describe(target)["abs/through"]!.gid], [21, 22]);
  const put = (bytes: Uint8Array, path = "/dest", more = {}) =>
    theAgent().archivePut({ root: target }, path, stream(bytes), more);
  await assert.rejects(put(tar(file("../escaped", "x"))), /leads out/);
  await assert.rejects(put(archive, "/dest/file"), { code: "FailedPrecondition" });
  await assert.rejects(put(archive, "/dest/never"), { code: "NotFound" });
  await assert.rejects(
    put(tar(dir("file")), "/dest", { noOverwriteDirNonDir: true }),
    /something else than a directory is there/,
  );
  await assert.rejects(put(tar(file("old", "x")), "/dest", { noOverwriteDirNonDir: true }), /a directory is there/);
  await put(tar(file("old", "x")));
  assert.equal(describe(target)["dest/old"]!.type, "file");
});

test("a copy out and in again is the same tree", async () => {
  const parts: Buffer[] = [];
  await theAgent().archiveGet({ root }, "/", async (data) => void parts.push(Buffer.from(data)));
  const target = folder();
  await theAgent().archivePut({ root: target }, "/", stream(Buffer.concat(parts)));
  const [want, copy] = [describe(root), describe(target)];
  for (const entry of [...Object.values(want), ...Object.values(copy)]) entry.mtime = "";
  assert.deepEqual(copy, want);
});

test("trees of mounts are seen as they are mounted", async () => {
  const layer = await unpack(tar(dir("etc"), file("etc/hosts", "image"), dir("data")));
  const volume = folder("volume");
  sh("echo v > in-volume", volume);
  const mounts = [
    { type: "overlay", source: "overlay", target: "", options: [`lowerdir=${layer.target}:${folder("empty")}`] },
    { type: "bind", source: volume, target: "data", options: ["rbind"] },
  ];
  assert.equal(Buffer.from(await theAgent().readFile({ mounts }, "/data/in-volume")).toString(), "v\n");
  await theAgent().archivePut({ mounts }, "/data", stream(tar(file("new", "n"))));
  assert.deepEqual(paths(volume), ["in-volume", "new"]);
  await overlaid([layer.target], (view) => assert.deepEqual(paths(`${view}/data`), []));
});
