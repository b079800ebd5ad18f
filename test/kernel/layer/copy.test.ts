// The agent's copies of trees, and layers unpacked onto one: what the snapshotter `native` is made of.
import assert from "node:assert/strict";
import { lstatSync, mkdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { describe, dir, file, folder, hardlink, onTmpfs, paths, setUp, sh, tar, theAgent } from "./support.ts";

setUp();

/** A tree with one of everything. */
function everything(): string {
  const source = folder("source");
  sh(
    `mkdir -p d/deep empty; echo hello >d/file; chown 1000:2000 d/file; ln d/file d/second; ln d/file hard
     printf '#!' >d/suid; chown 7:8 d/suid; chmod 6755 d/suid; chmod 3777 empty; chown 5:6 empty
     ln -s ../nowhere link; chown -h 9:10 link; mkfifo -m 640 pipe; mknod -m 604 null c 1 3; mknod -m 600 block b 7 300
     python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("sock")'; ln pipe d/pipe
     setfattr -n user.a -v 1 d/file; setfattr -n trusted.b -v 2 d; setfattr -h -n trusted.c -v 3 link; setcap cap_net_raw+ep d/suid
     touch -d '2001-02-03 04:05:06.789012345 UTC' -h d/file link pipe null d/deep d empty; touch -d @5 .`,
    source,
  );
  writeFileSync(Buffer.from(`${source}/b\xff\n`, "latin1"), "no UTF-8");
  return source;
}

test("copy() keeps owners, modes, times, xattrs, hard links, links, devices, FIFOs and sockets", async () => {
  const source = everything();
  const target = folder("copy", false);
  await theAgent().copy(source, target);
  const copied = describe(target);
  assert.deepEqual(copied, describe(source));
  assert.equal(statSync(target).mtimeMs, statSync(source).mtimeMs);
  assert.ok(Object.values(copied).some((one) => one.rdev === "7:300"));
  // A copy is one of its own.
  writeFileSync(join(target, "d/file"), "changed");
  assert.equal(sh(`cat ${source}/hard`), "hello\n");
});

const SPARSE = `truncate -s 64M begin; echo x >>begin; truncate -s 1G hole; truncate -s 8M both; printf y | dd of=both bs=1 seek=4M conv=notrunc status=none`;

test("copy() keeps holes, and copies across file systems", async () => {
  const source = folder("sparse");
  sh(SPARSE, source);
  await onTmpfs("size=16m", async (mounted) => {
    for (const target of [folder("copy", false), join(mounted, "copy")]) {
      await theAgent().copy(source, target);
      for (const name of ["begin", "hole", "both"]) {
        sh(`cmp ${source}/${name} ${target}/${name}`);
        const { size, blocks } = statSync(join(target, name));
        assert.equal(size, statSync(join(source, name)).size);
        assert.ok(blocks * 512 < 1 << 20, `${name} takes ${blocks} blocks`);
      }
    }
  });
});

test("copy() that fails says where, and a link is no source", async () => {
  const source = folder("big");
  writeFileSync(join(source, "large"), Buffer.alloc(3 << 20, 1));
  await onTmpfs("size=1m", (mounted) =>
    assert.rejects(theAgent().copy(source, join(mounted, "copy")), /large.*ENOSPC|No space|disk/i),
  );
  const link = folder("link", false);
  symlinkSync(source, link);
  await assert.rejects(theAgent().copy(link, folder("copy", false)));
  await assert.rejects(theAgent().copy(source, source), /EEXIST|exists/i);
});

/** Unpacks onto a tree that has the lower layers. */
async function onto(target: string, blob: Uint8Array): Promise<void> {
  const source = folder("blob", false);
  writeFileSync(source, blob);
  const mounts = [{ type: "bind", source: target, target: "", options: ["rbind", "rw"] }];
  await theAgent().unpack({ mounts, whiteouts: "remove", mediaType: "", source });
}

test("whiteouts are carried out where the lower layers are in the tree", async () => {
  const target = folder("lower");
  for (const path of ["gone/deep", "opaque/below", "stays"]) mkdirSync(join(target, path), { recursive: true });
  for (const path of ["gone/deep/f", "opaque/f", "opaque/below/f", "stays/f", "stays/g", "file", "replaced"]) {
    writeFileSync(join(target, path), "lower");
  }
  sh("ln -s stays link; touch -h -d @77 link stays .", target);
  await onto(
    target,
    tar(
      file(".wh.gone"),
      file(".wh.nothing"),
      file(".wh.file"),
      dir("opaque"),
      file("opaque/new", "1"),
      // Made by its entry alone, before the mark.
      file("opaque/below/own", "2"),
      file("opaque/.wh..wh..opq"),
      file("stays/.wh.g"),
      file("link/through", "8"),
      hardlink("stays/linked", "stays/f"),
      file("replaced", "upper"),
      // A whiteout of what this very layer has: what was below it goes.
      dir("again"),
      file("again/x", "3"),
      file(".wh.again"),
    ),
  );
  const there = [
    "again",
    "again/x",
    "link",
    "opaque",
    "opaque/below",
    "opaque/below/own",
    "opaque/new",
    "replaced",
    "stays",
  ];
  const time = (path: string) => lstatSync(join(target, path)).mtimeMs;
  assert.deepEqual([time("stays"), time("link"), time(".")], [77_000, 77_000, 77_000]);
  assert.deepEqual(paths(target), [...there, "stays/f", "stays/linked", "stays/through"]);
  assert.equal(sh(`cat ${target}/replaced`), "upper");
  assert.ok(!Object.values(describe(target)).some(({ type, xattrs }) => type === "char" || xattrs));
});

test("a new file gets its own owner and mode in a directory that hands its group on", async () => {
  const target = folder("lower");
  sh("mkdir d; chown 0:77 d; chmod 2775 d", target);
  await onto(target, tar(file("d/f", "x", { mode: 0o640 }), dir("d/sub")));
  const tree = describe(target);
  assert.deepEqual([tree["d/f"]?.gid, tree["d/f"]?.mode, tree["d/sub"]?.gid], [0, "0o640", 0]);
});
