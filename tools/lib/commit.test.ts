import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { commitOf, writeCommit } from "./commit.ts";

test("writeCommit() writes the work tree's commit, and whether it was changed; nothing of a tree around it", () => {
  const root = mkdtempSync(join(tmpdir(), "commit-"));
  using _root = { [Symbol.dispose]: () => rmSync(root, { recursive: true }) };
  const git = (...args: string[]) =>
    execFileSync("git", ["-C", root, "-c", "user.name=n", "-c", "user.email=e@x", ...args], { encoding: "utf8" });
  const written = () => {
    writeCommit(root);
    return readFileSync(join(root, "dist/commit"), "utf8");
  };
  mkdirSync(join(root, "dist"));
  assert.equal(written(), "\n");
  git("init", "--quiet");
  assert.equal(written(), "\n");
  writeFileSync(join(root, "a"), "1");
  git("add", "a");
  git("commit", "--quiet", "--message", "one");
  const commit = git("rev-parse", "HEAD").trim();
  assert.equal(written(), `${commit}\n`);
  const { ino, mtimeNs } = statSync(join(root, "dist/commit"), { bigint: true });
  assert.equal(written(), `${commit}\n`);
  assert.deepEqual(statSync(join(root, "dist/commit"), { bigint: true }).mtimeNs, mtimeNs, `${ino} is left alone`);
  writeFileSync(join(root, "a"), "2");
  assert.equal(written(), `${commit}.m\n`);
  mkdirSync(join(root, "inner"));
  assert.equal(commitOf(join(root, "inner")), "");
});
