import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { isStatic } from "./busybox.ts";
import { writeTar } from "./tar.ts";

test("writeTar() writes what tar reads", () => {
  const directory = mkdtempSync(join(tmpdir(), "wharf-tar-"));
  try {
    const tar = writeTar(
      [
        { name: "d", type: "directory", mode: 0o1777 },
        { name: "d/f", type: "file", mode: 0o644, data: Buffer.from("content") },
        { name: "d/l", type: "symlink", mode: 0o777, target: "f" },
        { name: "d/h", type: "hardlink", mode: 0o644, target: "d/f" },
        { name: "empty", type: "file", mode: 0o600 },
      ],
      1_700_000_000,
    );
    assert.equal(tar.length % 512, 0);
    writeFileSync(join(directory, "x.tar"), tar);
    const listing = execFileSync("tar", ["--utc", "-tvf", join(directory, "x.tar")], { encoding: "utf8" }).replace(
      / +/g,
      " ",
    );
    assert.deepEqual(listing.trim().split("\n"), [
      "drwxrwxrwt root/root 0 2023-11-14 22:13 d/",
      "-rw-r--r-- root/root 7 2023-11-14 22:13 d/f",
      "lrwxrwxrwx root/root 0 2023-11-14 22:13 d/l -> f",
      "hrw-r--r-- root/root 0 2023-11-14 22:13 d/h link to d/f",
      "-rw------- root/root 0 2023-11-14 22:13 empty",
    ]);
    assert.equal(execFileSync("tar", ["-xOf", join(directory, "x.tar"), "d/f"], { encoding: "utf8" }), "content");
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("writeTar() refuses a name that does not fit", () => {
  assert.throws(() => writeTar([{ name: "x".repeat(101), type: "file", mode: 0 }], 0), /too long/);
});

test("isStatic() tells a program that needs a loader, and what is no program", () => {
  assert.equal(isStatic(readFileSync("/bin/ls")), false);
  assert.equal(isStatic(Buffer.from("#!/bin/sh\n".padEnd(100))), false);
  assert.equal(isStatic(readFileSync("/bin/busybox")), true);
});
