import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { test } from "node:test";
import { selectProcesses } from "./top.ts";

const PIDS = new Set([10, 12]);

test("rows of the container's processes; the last column keeps its words", () => {
  const table = "UID   PID CMD\nroot   10 sh -c sleep 1\nroot   11 other\nme   12 [x]\n";
  assert.deepEqual(selectProcesses(table, PIDS), {
    Titles: ["UID", "PID", "CMD"],
    Processes: [
      ["root", "10", "sh -c sleep 1"],
      ["me", "12", "[x]"],
    ],
  });
});

test("threads belong to the process above them", () => {
  const table = "PID LWP CMD\n10 - sh\n- 10 -\n11 - other\n- 11 -\n";
  assert.deepEqual(selectProcesses(table, PIDS).Processes, [
    ["10", "-", "sh"],
    ["-", "10", "-"],
  ]);
});

test("a table without pids is refused", () => {
  assert.throws(() => selectProcesses("CMD\nsh\n", PIDS), /Couldn't find PID field/);
});

test("processes that are not of the daemon's terminal are in it, too", () => {
  const child = spawn("sleep", ["100"], { detached: true, stdio: "ignore" });
  try {
    const module = JSON.stringify(import.meta.resolve("./top.ts"));
    const code = `import { table } from ${module}; console.log(await table(["-o", "pid,comm"], new Set([${child.pid}])));`;
    const command = `${process.execPath} --input-type=module -e '${code}'`;
    const output = execFileSync("script", ["-qec", command, "/dev/null"], { encoding: "utf8" });
    assert.match(output, new RegExp(`^ *${child.pid} sleep\\b`, "m"));
  } finally {
    child.kill("SIGKILL");
  }
});
