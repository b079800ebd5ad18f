import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeStat, goMode } from "./archive.ts";

test("file modes as Go has them", () => {
  // os.FileMode of a directory, with sticky bit, a link, a device, a FIFO, a socket and a setuid file.
  assert.equal(goMode(0o040755), 0x800001ed);
  assert.equal(goMode(0o041777), 0x801001ff);
  assert.equal(goMode(0o120777), 0x080001ff);
  assert.equal(goMode(0o020666), 0x042001b6);
  assert.equal(goMode(0o060660), 0x040001b0);
  assert.equal(goMode(0o010644), 0x020001a4);
  assert.equal(goMode(0o140755), 0x010001ed);
  assert.equal(goMode(0o104755), 0x008001ed);
});

test("the stat header is base64 of JSON in Docker's names", () => {
  const text = encodeStat({ name: "f", size: 3, mode: 0o100644, mtime: 1, mtimeNs: 5, linkTarget: "" });
  assert.deepEqual(JSON.parse(Buffer.from(text, "base64").toString()), {
    ...{ name: "f", size: 3, mode: 0o644, mtime: "1970-01-01T00:00:01.000000005Z", linkTarget: "" },
  });
});
