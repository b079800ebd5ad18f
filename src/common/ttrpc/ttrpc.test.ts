import assert from "node:assert/strict";
import { test } from "node:test";
import { isCode, WharfError } from "../errors.ts";
import { TaskService } from "../gen/containerd/task/v2.ts";
import { Request } from "../gen/ttrpc/ttrpc.ts";
import { encode } from "../protobuf/codec.ts";
import { ClientConnection } from "./client.ts";
import { encodeFrame, FrameReader, MAX_DATA, TYPE } from "./frame.ts";
import { Router, ServerConnection } from "./server.ts";
import { codeOfStatus } from "./status.ts";

/** A client and a server joined by queues that are emptied when `pump` is called, in pieces of `size` bytes. */
function joined(router: Router, size = 7) {
  const toServer: Uint8Array[] = [];
  const toClient: Uint8Array[] = [];
  const timers: (() => void)[] = [];
  const client = new ClientConnection({
    send: (bytes) => void toServer.push(bytes),
    timer: (_ms, run) => {
      timers.push(run);
      return { [Symbol.dispose]: () => void timers.splice(timers.indexOf(run), 1) };
    },
  });
  const server = new ServerConnection(router, (bytes) => void toClient.push(bytes));
  const drain = (queue: Uint8Array[], to: (chunk: Uint8Array) => void) => {
    const all = Buffer.concat(queue.splice(0));
    for (let at = 0; at < all.length; at += size) to(all.subarray(at, at + size));
  };
  const pump = async () => {
    for (let i = 0; i < 4; i++) {
      drain(toServer, (chunk) => server.receive(chunk));
      await new Promise((resolve) => setImmediate(resolve));
      drain(toClient, (chunk) => client.receive(chunk));
    }
  };
  return { client, server, pump, timers };
}

test("a call reaches its handler with metadata and timeout, and its answer comes back, however the bytes are cut", async () => {
  for (const size of [1, 7, 100000]) {
    const router = new Router().add(TaskService, {
      state: async (request, context) => {
        assert.deepEqual([...context.metadata], [["namespace", ["moby"]]]);
        assert.equal(context.timeout, 2_500_000_000);
        return { id: request.id, pid: 42, execId: request.execId };
      },
    });
    const { client, pump } = joined(router, size);
    const task = client.client(TaskService);
    const answer = task.state({ id: "a", execId: "b" }, { metadata: { namespace: "moby" }, timeoutMs: 2500 });
    await pump();
    const { id, pid, execId, stdin } = await answer;
    assert.deepEqual([id, pid, execId, stdin], ["a", 42, "b", ""]);
  }
});

test("answers come in any order; errors keep code and causes", async () => {
  const gate = Promise.withResolvers<void>();
  const router = new Router().add(TaskService, {
    wait: async () => {
      await gate.promise;
      return { exitStatus: 3 };
    },
    kill: () => {
      throw new WharfError("NotFound", "no process", { cause: new Error("ESRCH") });
    },
  });
  const { client, server, pump } = joined(router);
  const task = client.client(TaskService);
  const wait = task.wait({ id: "a" });
  const kill = assert.rejects(task.kill({ id: "a" }), (error) => {
    assert.equal((error as Error).message, "no process: ESRCH");
    return isCode(error, "NotFound");
  });
  const missing = assert.rejects(task.pause({ id: "a" }), (error) => isCode(error, "Unimplemented"));
  await pump();
  await kill;
  await missing;
  assert.deepEqual([client.pending, server.pending], [1, 1]);
  gate.resolve();
  await pump();
  assert.equal((await wait).exitStatus, 3);
  assert.deepEqual([client.pending, server.pending], [0, 0]);
});

test("a timeout, a signal and a lost connection each end a call and leave nothing behind", async () => {
  const { client, pump, timers } = joined(new Router().add(TaskService, { wait: () => new Promise(() => {}) }));
  const task = client.client(TaskService);
  const controller = new AbortController();
  const ended = (call: Promise<unknown>, code: "DeadlineExceeded" | "Canceled" | "Unavailable") =>
    assert.rejects(call, (error) => isCode(error, code));
  const late = ended(task.wait({ id: "a" }, { timeoutMs: 5 }), "DeadlineExceeded");
  const canceled = ended(task.wait({ id: "b" }, { signal: controller.signal }), "Canceled");
  const lost = ended(task.wait({ id: "c" }), "Unavailable");
  await pump();
  timers[0]!();
  controller.abort();
  await late;
  await canceled;
  assert.equal(client.pending, 1);
  client.close();
  await lost;
  await ended(task.wait({ id: "d" }), "Unavailable");
  assert.deepEqual([client.pending, timers.length], [0, 0]);
});

function answers(router: Router, ...frames: Uint8Array[]): string[] {
  const got: string[] = [];
  const client = new FrameReader();
  const server = new ServerConnection(router, (bytes) => {
    for (const { data } of client.push(bytes)) got.push(Buffer.from(data).toString("latin1"));
  });
  for (const frame of frames) server.receive(frame);
  return got;
}

test("the server answers even, reused, oversized, data and garbage frames with errors and goes on", () => {
  const router = new Router().add(TaskService, { shutdown: () => ({}) });
  const call = encode(Request, { service: TaskService.typeName, method: "Shutdown" });
  const big = new Uint8Array(10 + MAX_DATA + 1);
  new DataView(big.buffer).setUint32(0, MAX_DATA + 1);
  big.set([0, 0, 0, 5, TYPE.REQUEST, 0], 4);
  const got = answers(
    router,
    encodeFrame(2, TYPE.REQUEST, 0, call),
    encodeFrame(3, TYPE.REQUEST, 0, call),
    encodeFrame(3, TYPE.REQUEST, 0, call),
    big,
    encodeFrame(7, TYPE.DATA, 0, call),
    encodeFrame(9, TYPE.REQUEST, 0, new Uint8Array([255])),
    encodeFrame(11, 77, 0, call),
    encodeFrame(13, TYPE.REQUEST, 0, call),
  );
  const expected = [/must be odd/, /^\n\0$/, /used before/, /4194304/, /takes no data/, /cut short/, /^\n\0$/];
  assert.equal(got.length, expected.length);
  for (const [i, pattern] of expected.entries()) assert.match(got[i]!, pattern);
});

test("FrameReader cuts any division of any stream into the same frames", () => {
  let seed = 7;
  const random = (n: number) => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) % n;
  for (let round = 0; round < 300; round++) {
    const sent = Array.from({ length: random(6) }, (_, i) => ({
      stream: i * 2 + 1,
      type: random(256),
      flags: random(256),
      data: new Uint8Array(random(50)).map(() => random(256)),
    }));
    const bytes = Buffer.concat(sent.map((f) => encodeFrame(f.stream, f.type, f.flags, f.data)));
    const reader = new FrameReader();
    const got = [];
    for (let at = 0; at < bytes.length; ) {
      const size = 1 + random(30);
      for (const f of reader.push(bytes.subarray(at, at + size))) got.push({ ...f, data: new Uint8Array(f.data) });
      at += size;
    }
    assert.ok(reader.idle);
    assert.deepEqual(
      got,
      sent.map((f) => ({ ...f, oversized: false })),
    );
  }
});

test("codeOfStatus() knows gRPC's numbers", () => {
  assert.equal(codeOfStatus(5), "NotFound");
  assert.equal(codeOfStatus(99), "Unknown");
});
