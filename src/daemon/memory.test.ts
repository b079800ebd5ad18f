import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { filePages, programPages } from "./memory.ts";

const SMAPS = `00400000-0082e000 r--p 00000000 fe:00 54249                            /opt/a node
Rss:                4280 kB
Anonymous:             0 kB
VmFlags: rd mr mw me
0082e000-03489000 r-xp 0042e000 fe:00 54249                            /opt/a node
Anonymous:             0 kB
03489000-072a7000 r--p 03089000 fe:00 54249                            /opt/a node
Anonymous:            24 kB
072a7000-072dc000 rw-p 06ea7000 fe:00 54249                            /opt/a node
Anonymous:             0 kB
281f6000-28a13000 rw-p 00000000 00:00 0                                  [heap]
Anonymous:          8056 kB
7f5d27dc0000-7f5d27fd5000 r-xp 01627000 fe:00 54249                    /opt/a node
Anonymous:             0 kB
`;

test("programPages() takes what of the program cannot be written, and nothing that lies elsewhere", () => {
  assert.deepEqual(programPages(SMAPS, "/opt/a node"), [
    [0x400000n, 0x82e000n],
    [0x82e000n, 0x3489000n],
    [0x3489000n, 0x72a7000n],
  ]);
  assert.deepEqual(programPages(SMAPS, "/opt/other"), []);
});

test("filePages() leaves out what was written: it has no other copy", () => {
  const entries = Buffer.alloc(5 * 8);
  // present and a file's; present and written; in swap; not there; present and a file's
  for (const [i, bits] of [0b101, 0b100, 0b010, 0, 0b101].entries()) entries[i * 8 + 7] = bits << 5;
  assert.deepEqual(filePages(entries, 0x400000n), [
    [0x400000n, 0x401000n],
    [0x403000n, 0x405000n],
  ]);
});

test("a process goes on when the pages of its program are let go", () => {
  const script = `
    import { readFileSync } from "node:fs";
    import { giveBack } from ${JSON.stringify(new URL("./memory.ts", import.meta.url).href)};
    const file = () => Number(/RssFile:\\s+(\\d+)/.exec(readFileSync("/proc/self/status", "latin1"))[1]);
    const before = file();
    await giveBack();
    const after = file();
    new Function("return 1")();
    console.log(JSON.stringify({ before, after }));`;
  const args = ["--disable-warning=ExperimentalWarning", "--input-type=module", "-e", script];
  const { before, after } = JSON.parse(execFileSync(process.execPath, args, { encoding: "utf8" })) as Record<
    string,
    number
  >;
  assert.ok(after! < before! * 0.7, `${before} kB, then ${after}`);
});
