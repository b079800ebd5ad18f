// Archives that mean harm, or that are broken: nothing outside the target is ever touched, and the error says what is wrong.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import type { WharfError } from "../../../src/common/errors.ts";
import { settles } from "../../support/until.ts";
import {
  describe,
  dir,
  entryBytes,
  file,
  folder,
  hardlink,
  onTmpfs,
  paths,
  type RawEntry,
  setUp,
  sh,
  symlink,
  tar,
  theAgent,
  unpack,
} from "./support.ts";

setUp();

/** A target with a secret beside it, and everything outside as it must stay. */
function guarded(): { target: string; unharmed: () => void } {
  const top = folder("guarded");
  mkdirSync(`${top}/target`);
  mkdirSync(`${top}/outside`);
  writeFileSync(`${top}/secret`, "secret");
  writeFileSync(`${top}/outside/file`, "file");
  const before = describe(top);
  return {
    target: `${top}/target`,
    unharmed() {
      const strip = (all: ReturnType<typeof describe>) =>
        Object.fromEntries(Object.entries(all).filter(([path]) => !path.startsWith("target") && path !== "."));
      assert.deepEqual(strip(describe(top)), strip(before));
    },
  };
}

const code = (expected: string, message?: RegExp) => (error: unknown) => {
  assert.equal((error as WharfError).code, expected, String(error));
  if (message) assert.match((error as WharfError).message, message);
  return true;
};

const REFUSED: Record<string, [RawEntry[], RegExp]> = {
  "dot-dot": [[file("../secret", "bad")], /"\.\.\/secret" leads out/],
  "dot-dot inside": [[file("a/../../secret", "bad")], /leads out/],
  "absolute dot-dot": [[file("/../../secret", "bad")], /leads out/],
  "directory dot-dot": [[dir("../outside/new")], /leads out/],
  "whiteout dot-dot": [[file("../.wh.secret")], /leads out/],
  "whiteout of ..": [[file(".wh...")], /whiteout of nothing/],
  "whiteout of .": [[file("a/.wh..")], /whiteout of nothing/],
  "whiteout of nothing": [[file(".wh.")], /whiteout of nothing/],
  "hard link out": [[hardlink("a", "../secret")], /"\.\.\/secret" leads out/],
  "hard link to nothing": [[hardlink("a", "/secret")], /hard link to "\/secret", which this layer does not have/],
  "hard link to itself": [[hardlink("a", "./a")], /hard link to itself/],
  "hard link to the root": [[hardlink("a", "/")], /hard link to the root/],
  "file as root": [[file("./", "x", { type: "0" }), file("/", "y", { pax: { path: "." } })], /./],
  "unknown type": [[file("a", "", { type: "9" })], /unknown type "9"/],
  "a name of 256 bytes": [[file("x", "", { pax: { path: "n".repeat(256) } })], /longer than 255/],
  "a name with NUL": [[file("x", "", { pax: { path: "a\0b" } })], /NUL/],
};

for (const [what, [entries, message]] of Object.entries(REFUSED)) {
  if (what === "file as root") continue;
  test(`unpack() refuses ${what}`, async () => {
    const { target, unharmed } = guarded();
    await assert.rejects(unpack(tar(...entries), target), (error) => {
      assert.match((error as WharfError).code, /InvalidArgument|DataLoss/);
      assert.match((error as WharfError).message, message);
      return true;
    });
    unharmed();
  });
}

const CONTAINED: Record<string, [RawEntry[], string[]]> = {
  "absolute names count from the root": [
    [file("/secret", "mine"), file("//outside//file", "mine")],
    ["outside", "outside/file", "secret"],
  ],
  "a link out and a file through it": [
    [dir("target"), symlink("up", "../.."), file("up/secret", "mine")],
    ["secret", "target", "up"],
  ],
  "an absolute link and a file through it": [
    [dir("etc"), symlink("abs", "/etc"), file("abs/passwd", "mine")],
    ["abs", "etc", "etc/passwd"],
  ],
  "a file over a link": [[symlink("a", "../secret"), file("a", "mine")], ["a"]],
  "a directory over a link": [
    [symlink("a", "../outside"), dir("a"), file("a/new", "mine")],
    ["a", "a/new"],
  ],
  "a link to a link, hard": [
    [symlink("a", "/secret"), hardlink("b", "a"), file("b", "mine")],
    ["a", "b"],
  ],
  "dot-dot that stays inside": [
    [dir("a"), file("a/../b", "mine"), file("a/./c", "mine")],
    ["a", "a/c", "b"],
  ],
  "a whiteout through a link": [
    [symlink("up", "../.."), file("up/.wh.secret"), file("up/.wh..wh..opq")],
    ["secret", "up"],
  ],
  "links that go in circles": [
    [symlink("a", "b"), symlink("b", "a")],
    ["a", "b"],
  ],
  "a chain of links out": [
    [symlink("l1", ".."), symlink("l2", "l1/.."), symlink("l3", "l2/../.."), file("l3/secret", "mine")],
    ["l1", "l2", "l3", "secret"],
  ],
  "a hard link through a link": [
    [dir("d"), file("d/f", "x"), symlink("l", "/d"), hardlink("h", "l/f")],
    ["d", "d/f", "h", "l"],
  ],
};

for (const [what, [entries, expected]] of Object.entries(CONTAINED)) {
  test(`unpack() keeps inside the target: ${what}`, async () => {
    const { target, unharmed } = guarded();
    await unpack(tar(...entries), target);
    assert.deepEqual(paths(target), expected);
    unharmed();
  });
}

test("unpack() follows no link that was in the target before", async () => {
  const { target, unharmed } = guarded();
  symlinkSync("../outside", `${target}/d`);
  symlinkSync("../secret", `${target}/f`);
  await unpack(tar(dir("d"), file("d/file", "mine"), file("f", "mine")), target);
  assert.equal(readFileSync(`${target}/d/file`, "utf8"), "mine");
  unharmed();
});

test("unpack() takes no attribute that would forge overlayfs's own, and lets no late one reach another file", async () => {
  const records = {
    "SCHILY.xattr.trusted.overlay.redirect": "/etc",
    "SCHILY.xattr.trusted.overlay.opaque": "y",
    "SCHILY.xattr.trusted.x": "1",
  };
  const { target } = await unpack(
    tar(dir("d", { pax: records }), file("f", "", { pax: records }), symlink("d2", "d"), file("f", "")),
  );
  const got = describe(target);
  assert.deepEqual(got.d?.xattrs, { "trusted.x": "31" });
  assert.equal(got.f?.xattrs, undefined);
});

test("unpack() replaces what comes twice by the last one", async () => {
  const { target } = await unpack(
    tar(
      dir("d"),
      file("d/a", "1"),
      file("d", "now a file"),
      file("x", "1"),
      dir("x"),
      file("x/y", "2"),
      file("x/y", "3"),
      symlink("x/y", "z"),
    ),
  );
  const got = describe(target);
  assert.deepEqual(paths(target), ["d", "x", "x/y"]);
  assert.equal(got.d?.type, "file");
  assert.equal(got["x/y"]?.link, "z");
});

test("unpack() makes no use of modes or owners before they are right: setuid only on the whole file", async () => {
  const { target } = await unpack(
    tar(
      file("s", "x".repeat(100000), { mode: 0o6755, uid: 12, gid: 34 }),
      dir("g", { mode: 0o2770, gid: 5 }),
      file("g/f", "", { gid: 7, mode: 0o640 }),
      dir("g/d", { mode: 0o700 }),
    ),
  );
  const got = describe(target);
  assert.deepEqual([got.s?.mode, got.s?.uid, got.s?.gid], ["0o6755", 12, 34]);
  assert.deepEqual([got["g/f"]?.gid, got["g/f"]?.mode], [7, "0o640"]);
  assert.deepEqual([got["g/d"]?.gid, got["g/d"]?.mode], [0, "0o700"]);
});

test("unpack() walks paths longer than the kernel takes at once", async () => {
  const part = "p".repeat(200);
  const entries: RawEntry[] = [];
  for (let depth = 1; depth <= 40; depth++)
    entries.push(dir("x", { pax: { path: `${Array(depth).fill(part).join("/")}/` } }));
  entries.push(file("x", "deep", { pax: { path: `${Array(40).fill(part).join("/")}/f` } }));
  const { target, entries: count } = await unpack(tar(...entries));
  assert.equal(count, 41);
  assert.equal(sh(`find ${target} -type f | wc -l`).trim(), "1");
  await theAgent().remove([target]);
  assert(!existsSync(target));
});

const whole = () => gzipSync(tar(dir("d"), file("d/f", "x".repeat(300000)), file("d/g", "y")));

test("unpack() says that a blob is truncated, wherever it is cut", async () => {
  const noise = file("noise", sh("head -c 200000 /dev/urandom | base64 -w0"));
  for (const pack of [gzipSync, zstdCompressSync]) {
    const blob = pack(tar(dir("d"), noise));
    for (const at of [5, 12, 100, blob.length >> 1, blob.length - 9, blob.length - 1]) {
      await assert.rejects(unpack(blob.subarray(0, at)), code("DataLoss", /truncated/), `${pack.name} cut at ${at}`);
    }
  }
  const archive = tar(dir("d"), noise);
  for (const at of [100, 700, 512 * 2 + 10, 100000]) {
    await assert.rejects(unpack(archive.subarray(0, at)), code("DataLoss", /truncated tar/), `tar cut at ${at}`);
  }
});

test("unpack() says that a blob is corrupt", async () => {
  const blob = Buffer.from(whole());
  blob[blob.length - 6]! ^= 1;
  await assert.rejects(unpack(blob), code("DataLoss", /checksum mismatch/));
  await assert.rejects(
    unpack(Buffer.concat([whole(), Buffer.from("garbage behind the end")])),
    code("DataLoss", /gzip/),
  );
  const zstd = Buffer.from(zstdCompressSync(tar(file("f", "x".repeat(1000)))));
  await assert.rejects(unpack(Buffer.concat([zstd, Buffer.from("garbage")])), code("DataLoss", /zstd/));
  await assert.rejects(
    unpack(Buffer.from("this is no archive at all, whatever its media type says".repeat(20))),
    code("DataLoss", /malformed tar/),
  );
  await assert.rejects(unpack(gzipSync("nor is this".repeat(100))), code("DataLoss", /malformed tar/));
});

test("unpack() takes an empty archive for an empty layer", async () => {
  for (const blob of [Buffer.alloc(1024), gzipSync(Buffer.alloc(10240)), gzipSync(""), Buffer.alloc(0)]) {
    const { target, entries } = await unpack(blob);
    assert.deepEqual([entries, paths(target)], [0, []]);
  }
});

const BROKEN: Record<string, [Buffer, RegExp]> = {
  "a wrong checksum": [Buffer.from(entryBytes(file("f")).fill("9", 150, 151)), /checksum/],
  "a size that is no number": [tar(file("f", "", { edit: (b) => b.write("12x45", 124) })), /size is not an octal/],
  "a negative size": [tar(file("f", "", { edit: (b) => b.fill(0xff, 124, 136) })), /negative size/],
  "a size beyond all measure": [
    tar(file("f", "", { edit: (b) => b.fill(0xff, 125, 136).fill(0x80, 124, 125) })),
    /out of range/,
  ],
  "a PAX size that is no number": [tar(file("f", "", { pax: { size: "1e3" } })), /size is not a number/],
  "a PAX time that is none": [tar(file("f", "", { pax: { mtime: "yesterday" } })), /mtime is not a time/],
  "a PAX header of an archive's size": [tar(file("f", "", { type: "x", size: 1e9 })), /PAX header of 1000000000 bytes/],
  "a PAX record without end": [tar({ name: "p", type: "x", data: "30 path=x\n" }, file("f")), /PAX record/],
  "a PAX record of length 0": [tar({ name: "p", type: "x", data: "0 path=x\n" }, file("f")), /PAX record/],
  "a PAX record without =": [tar({ name: "p", type: "x", data: "10 pathxxx\n" }, file("f")), /PAX record/],
  "a long name of a gigabyte": [tar(file("f", "", { type: "L", size: 2 ** 30 })), /long name of/],
  "an extended header at the end": [tar({ name: "p", type: "x", data: "10 path=x\n\n".slice(0, 10) }), /./],
  "zeros inside": [Buffer.concat([Buffer.alloc(512), tar(file("f"))]), /zeros where a header belongs/],
  "a sparse map that overlaps": [
    tar(file("f", "12345678", { pax: { "GNU.sparse.map": "0,4,2,4", "GNU.sparse.size": "100" } })),
    /overlaps/,
  ],
  "a sparse map beyond its file": [
    tar(file("f", "1234", { pax: { "GNU.sparse.map": "98,4", "GNU.sparse.size": "100" } })),
    /leaves its file/,
  ],
  "a sparse map of other length": [
    tar(file("f", "1234", { pax: { "GNU.sparse.map": "0,5", "GNU.sparse.size": "100" } })),
    /5 bytes over 4/,
  ],
  "half a sparse map": [
    tar(file("f", "1234", { pax: { "GNU.sparse.map": "0,4,7", "GNU.sparse.size": "100" } })),
    /incomplete sparse map/,
  ],
  "a sparse map of too many": [
    tar(file("f", "99999999\n", { pax: { "GNU.sparse.major": "1", "GNU.sparse.minor": "0" } })),
    /too many extents|longer than its file/,
  ],
  "an unknown sparse format": [tar(file("f", "x", { pax: { "GNU.sparse.major": "2" } })), /unknown sparse format/],
};

for (const [what, [blob, message]] of Object.entries(BROKEN)) {
  test(`unpack() refuses ${what}`, () => assert.rejects(unpack(blob), code("DataLoss", message)));
}

test("unpack() stops at its limits", async () => {
  const bomb = gzipSync(Buffer.alloc(50 << 20));
  await assert.rejects(
    unpack(gzipSync(tar(file("f", "x".repeat(5000)))), folder(), { limits: { size: 4096 } }),
    code("ResourceExhausted", /more than 4096 bytes/),
  );
  await assert.rejects(unpack(bomb, folder(), { limits: { size: 1 << 20 } }), code("ResourceExhausted"));
  const many = tar(...Array.from({ length: 100 }, (_, i) => file(`f${i}`)));
  await assert.rejects(
    unpack(many, folder(), { limits: { entries: 99 } }),
    code("ResourceExhausted", /more than 99 entries/),
  );
  await unpack(many, folder(), { limits: { entries: 100, size: many.length } });
});

test("unpack() refuses a layer that is not the one the image means", async () => {
  const wrong = `sha256:${"0".repeat(64)}`;
  await assert.rejects(unpack(whole(), folder(), { expectedDiffId: wrong }), code("DataLoss", /expected sha256:0000/));
});

const children = () => sh(`cat /proc/${theAgent().pid}/task/*/children`).trim();

test("unpack() says which file did not fit on a full disk, and leaves no process behind", async () => {
  await onTmpfs("size=1m", async (path) => {
    const blob = gzipSync(tar(file("small", "x"), file("big", sh("head -c 3000000 /dev/urandom | base64 -w0"))));
    await assert.rejects(unpack(blob, path), code("ResourceExhausted", /write "big": ENOSPC/));
  });
  await onTmpfs("nr_inodes=50", async (path) => {
    const blob = tar(...Array.from({ length: 100 }, (_, i) => dir(`d${i}`)));
    await assert.rejects(unpack(blob, path), code("ResourceExhausted", /mkdir "d\d+": ENOSPC/));
  });
  await settles(children, (seen) => assert.equal(seen, ""));
});

test("unpack() says that the target is read-only, or not there", async () => {
  await onTmpfs("ro", (path) => assert.rejects(unpack(whole(), path), code("PermissionDenied", /EROFS/)));
  await assert.rejects(unpack(whole(), "/nowhere/at/all"), code("NotFound", /"\/nowhere\/at\/all": ENOENT/));
});

test("unpack() ends with its signal, and its processes with it", async () => {
  const controller = new AbortController();
  async function* endless(): AsyncGenerator<Uint8Array> {
    yield tar(file("f", "x")).subarray(0, 1024);
    setTimeout(() => controller.abort(), 50);
    await new Promise(() => {});
  }
  const mounts = [{ type: "bind", source: folder(), target: "", options: [] }];
  const unpacking = theAgent().unpack({ mounts, mediaType: "", source: endless(), signal: controller.signal });
  await assert.rejects(unpacking, { name: "AbortError" });
  await settles(children, (seen) => assert.equal(seen, ""));
});

test("unpack() tells a failing source's own error", async () => {
  async function* failing(): AsyncGenerator<Uint8Array> {
    yield whole().subarray(0, 20);
    throw new Error("the registry hung up");
  }
  const mounts = [{ type: "bind", source: folder(), target: "", options: [] }];
  await assert.rejects(theAgent().unpack({ mounts, mediaType: "", source: failing() }), /the registry hung up/);
});
