import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { takeNotify } from "./notify.ts";

/** A unix socket of datagrams, which Node has none of. */
class Receiver implements Disposable {
  readonly #c = process.getBuiltinModule("node:ffi").dlopen(null, {
    socket: { arguments: ["i32", "i32", "i32"], return: "i32" },
    bind: { arguments: ["i32", "buffer", "u32"], return: "i32" },
    recv: { arguments: ["i32", "buffer", "u64", "i32"], return: "i64" },
    close: { arguments: ["i32"], return: "i32" },
  }).functions;
  readonly #fd = this.#c.socket(1, 2, 0);

  constructor(name: string) {
    const address = Buffer.concat([Buffer.from(new Uint16Array([1]).buffer), Buffer.from(name)]);
    assert.equal(this.#c.bind(this.#fd, address, address.length), 0);
  }

  /** What has come; nothing is waited for: a datagram is there when its sending has returned. */
  next(): string {
    const buffer = Buffer.alloc(100);
    const length = Number(this.#c.recv(this.#fd, buffer, 100n, 0x40));
    return buffer.toString("utf8", 0, Math.max(length, 0));
  }

  [Symbol.dispose](): void {
    this.#c.close(this.#fd);
  }
}

test("takeNotify() tells the socket by its path and by an abstract name, and takes the variable away", () => {
  const folder = mkdtempSync(join(tmpdir(), "notify-"));
  using _folder = { [Symbol.dispose]: () => rmSync(folder, { recursive: true }) };
  const path = join(folder, "n.sock");
  const abstract = `wharf-notify-${process.pid}`;
  for (const [name, variable] of [
    [path, path],
    [`\0${abstract}`, `@${abstract}`],
  ] as const) {
    using receiver = new Receiver(name);
    const env: NodeJS.ProcessEnv = { NOTIFY_SOCKET: variable };
    const notify = takeNotify(env, (level, message) => assert.fail(`${level} ${message}`));
    assert.deepEqual(env, {});
    notify("READY=1");
    notify("STOPPING=1");
    assert.deepEqual([receiver.next(), receiver.next(), receiver.next()], ["READY=1", "STOPPING=1", ""]);
  }
});

test("takeNotify() without the variable says nothing; what nobody takes is logged, and no error", () => {
  const lines: string[] = [];
  const log = (level: string, message: string) => void lines.push(`${level} ${message}`);
  takeNotify({}, log)("READY=1");
  assert.deepEqual(lines, []);
  for (const socket of ["/nowhere/n.sock", "vsock:2:9999", `/${"x".repeat(107)}`])
    takeNotify({ NOTIFY_SOCKET: socket }, log)("READY=1");
  assert.deepEqual(lines, Array(3).fill("warn the service manager could not be told"));
});
