// A peer that asks and does not read: it is not listened to until it does.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { TaskService } from "../../common/gen/containerd/task/v2.ts";
import { ClientConnection } from "../../common/ttrpc/client.ts";
import { Router } from "../../common/ttrpc/server.ts";
import { serveTtrpc } from "./ttrpc.ts";

const CALLS = 20_000;

/** The bytes of many calls, as a client sends them. */
function calls(): Buffer {
  const sent: Uint8Array[] = [];
  const client = new ClientConnection({ send: (bytes) => void sent.push(bytes) });
  const tasks = client.client(TaskService);
  for (let at = 0; at < CALLS; at++) tasks.pids({ id: "c" }).catch(() => {});
  client.close();
  return Buffer.concat(sent);
}

test("serveTtrpc() stops taking calls of who does not take the answers, and goes on when it does", async () => {
  const dir = mkdtempSync(join(tmpdir(), "wharf-ttrpc-"));
  try {
    let served = 0;
    const info = { typeUrl: "x", value: new Uint8Array(4000) };
    const router = new Router().add(TaskService, {
      pids: () => {
        served++;
        return { processes: [{ pid: 1, info }] };
      },
    });
    await using _ = await serveTtrpc(join(dir, "s"), router);
    const socket = connect(join(dir, "s"));
    socket.pause();
    socket.write(calls());
    // as long as it goes on
    for (let before = -1; before < served || served === 0; await sleep(300)) before = served;
    assert.ok(served < CALLS / 2, `${served} calls were served for nobody`);
    let read = 0;
    await new Promise<void>((resolve, reject) => {
      socket.on("error", reject).on("data", (chunk: Buffer) => {
        read += chunk.length;
        if (read >= CALLS * info.value.length && served === CALLS) resolve();
      });
      socket.resume();
    });
    socket.destroy();
  } finally {
    rmSync(dir, { recursive: true });
  }
});
