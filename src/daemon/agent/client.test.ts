import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { encodeJson, FRAME, FrameDecoder } from "../../common/agent/frame.ts";
import { Agent } from "./client.ts";
import type { AgentProcess } from "./process.ts";

test("a short request is asked again when the agent that hung up has ended: dying, it still takes connections", async () => {
  const dir = mkdtempSync(join(tmpdir(), "wharf-agent-"));
  const sockets = new Set<Socket>();
  let dying = false;
  let refused = 0;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    const decoder = new FrameDecoder();
    socket.on("data", (chunk: Buffer) => {
      for (const _ of decoder.push(chunk)) {
        if (!dying) socket.write(encodeJson(FRAME.result, { pid: 7 }));
        else {
          refused++;
          socket.destroy();
        }
      }
    });
  });
  const socket = join(dir, "socket");
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  const waited: unknown[] = [];
  const ended = async (pid: number) => {
    waited.push(pid);
    dying = false;
  };
  const agent = new Agent({ socket, pid: 7, ready: async () => {}, ended } as unknown as AgentProcess);
  try {
    assert.deepEqual(await agent.call("ping", {}), { pid: 7 });
    dying = true;
    assert.deepEqual(await agent.call("ping", {}), { pid: 7 });
    assert.deepEqual([refused, waited], [1, [7]]);
  } finally {
    for (const one of sockets) one.destroy();
    server.close();
    rmSync(dir, { recursive: true });
  }
});
