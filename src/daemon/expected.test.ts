import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { WharfError } from "../common/errors.ts";
import { ifMissing, warned } from "./expected.ts";

test("warned() tells what is not expected, and answers nothing", async () => {
  const lines: unknown[] = [];
  const log = (...line: unknown[]) => void lines.push(line);
  const fails = (code: "NotFound" | "Internal") => Promise.reject(new WharfError(code, "no"));
  assert.equal(await fails("NotFound").catch(warned(log, "left", { id: "a" }, "NotFound", "Unavailable")), undefined);
  assert.deepEqual(lines, []);
  assert.equal(await fails("Internal").catch(warned(log, "left", { id: "a" }, "NotFound")), undefined);
  assert.deepEqual(lines, [["warn", "left", { id: "a", error: new WharfError("Internal", "no") }]]);
});

test("ifMissing() is for what is not there alone", async () => {
  assert.equal(await readFile("/no/such", "utf8").catch(ifMissing("")), "");
  assert.equal(await readFile("/etc/passwd/x", "utf8").catch(ifMissing("")), "");
  await assert.rejects(readFile("/", "utf8").catch(ifMissing("")), { code: "EISDIR" });
});
