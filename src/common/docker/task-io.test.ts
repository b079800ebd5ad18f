import assert from "node:assert/strict";
import { test } from "node:test";
import { formatTaskIO, parseTaskIO, type TaskIO } from "./task-io.ts";

test("parseTaskIO() reads what formatTaskIO() writes", () => {
  const io: TaskIO = {
    driver: "json-file",
    path: "/var/lib/w h/ä&=?.log",
    maxSize: 10 << 20,
    maxFile: 3,
    attach: "/run/wharf/x/attach.sock",
    stdin: "once",
  };
  assert.deepEqual(parseTaskIO(formatTaskIO(io)), io);
});

test("parseTaskIO() leaves other loggers alone and refuses malformed ones of ours", () => {
  assert.equal(parseTaskIO("file:///x"), undefined);
  assert.equal(parseTaskIO("binary:///usr/bin/other?driver=none"), undefined);
  assert.equal(parseTaskIO("/run/fifo"), undefined);
  for (const query of ["driver=syslog", "driver=json-file", "driver=none&stdin=x", "driver=none&max-size=0"])
    assert.throws(() => parseTaskIO(`binary:///l/wharf-logger?${query}`), /the logging URI's/);
});
