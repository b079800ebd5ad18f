import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Duplex } from "node:stream";
import { test } from "node:test";
import type { Container } from "../containers/container.ts";
import type { Engine } from "../engine.ts";
import { Attachment } from "./attach.ts";
import { replayLog } from "./replay.ts";

class Client extends Duplex {
  override _read(): void {}
  override _write(_chunk: Buffer, _encoding: string, done: () => void): void {
    done();
  }
  destroySoon(): void {
    this.destroy();
  }
}

test("Attachment of a client that goes while it is joined: the shim's socket is let go of, or the container would wait for it", {
  timeout: 60_000,
}, async () => {
  const dir = mkdtempSync(join(tmpdir(), "wharf-attach-"));
  const server = createServer({ allowHalfOpen: true });
  const accepted = once(server, "connection") as Promise<[Socket]>;
  server.listen(join(dir, "s"));
  await once(server, "listening");
  let shim: Socket | undefined;
  try {
    const client = new Client();
    const attachment = new Attachment(client, { stdin: true, stdout: true, stderr: true });
    const joined = attachment.join(join(dir, "s"));
    client.destroy();
    await joined;
    const [peer] = await accepted;
    shim = peer;
    const closed = new Promise((resolve) => peer.on("close", resolve));
    // more than any buffer on the way takes, as from a container that goes on writing
    peer.on("error", () => {}).write(Buffer.alloc(4 << 20));
    peer.resume();
    await closed;
    assert.ok(attachment.gone);
  } finally {
    shim?.destroy();
    server.close();
    rmSync(dir, { recursive: true });
  }
});

test("replayLog() to a client that has gone before it began ends, although the container goes on", {
  timeout: 60_000,
}, async () => {
  const dir = mkdtempSync(join(tmpdir(), "wharf-replay-"));
  try {
    const path = join(dir, "x.log");
    writeFileSync(path, "");
    const client = new Client();
    client.destroy();
    await once(client, "close");
    const engine = { logPath: () => path } as unknown as Engine;
    const next = () => new Promise<never>(() => {});
    const container = { id: "c", running: true, record: { config: {} }, next } as unknown as Container;
    await replayLog(engine, container, client, { stdout: true, stderr: true, follow: true, frames: true });
  } finally {
    rmSync(dir, { recursive: true });
  }
});
