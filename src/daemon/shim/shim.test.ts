import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { WharfError } from "../../common/errors.ts";
import { TaskService } from "../../common/gen/containerd/task/v2.ts";
import { Router } from "../../common/ttrpc/server.ts";
import type { AgentClient, SpawnShimRequest } from "../containerd/agent.ts";
import { callOptions, ShimClient } from "./client.ts";
import { deleteShim, resolveShim, startShim } from "./launch.ts";
import { serveTtrpc } from "./ttrpc.ts";

let dir = "";
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "wharf-shim-"));
});
afterEach(() => rmSync(dir, { recursive: true }));

/** An agent whose every shim says `stdout`. */
function agentSaying(stdout: string, more: { exitCode?: number; stderr?: string } = {}) {
  const requests: SpawnShimRequest[] = [];
  const spawnShim = async (request: SpawnShimRequest) => {
    requests.push(request);
    return { exitCode: 0, stderr: "", stdout, ...more };
  };
  const agent = { spawnShim } as unknown as AgentClient;
  const sockets = { address: "/s/containerd.sock", ttrpcAddress: "/s/containerd.sock.ttrpc" };
  return { requests, command: { agent, binary: "/bin/shim", namespace: "ns", id: "c1", bundle: dir, ...sockets } };
}

test("resolveShim() finds a runtime's shim, and says where it looked", () => {
  writeFileSync(join(dir, "containerd-shim-test-v2"), "", { mode: 0o755 });
  writeFileSync(join(dir, "containerd-shim-plain-v2"), "", { mode: 0o644 });
  assert.equal(resolveShim("io.containerd.test.v2", [dir]), join(dir, "containerd-shim-test-v2"));
  assert.equal(resolveShim(join(dir, "containerd-shim-test-v2"), []), join(dir, "containerd-shim-test-v2"));
  assert.throws(() => resolveShim("io.containerd.plain.v2", [dir]), { code: "NotFound", hint: new RegExp(dir) });
  assert.throws(() => resolveShim("/no/shim", [dir]), { code: "NotFound" });
  for (const bad of ["", "runc", "io..v2", "io.../x.v2"])
    assert.throws(() => resolveShim(bad, [dir]), { code: "InvalidArgument" });
});

test("startShim() understands both forms of answer, and passes what shims expect", async () => {
  const v3 = agentSaying('{"version":3,"address":"unix:///run/x","protocol":"ttrpc"}\n');
  assert.deepEqual(await startShim(v3.command, { typeUrl: "t", value: new Uint8Array([1]) }), {
    address: "unix:///run/x",
    version: 3,
  });
  const [request] = v3.requests;
  assert.equal(
    request!.args.join(" "),
    "-namespace ns -address /s/containerd.sock -publish-binary wharfd -id c1 start",
  );
  assert.ok(request!.env.includes("TTRPC_ADDRESS=/s/containerd.sock.ttrpc"));
  assert.deepEqual([...request!.stdin!], [10, 1, 116, 18, 1, 1]);
  assert.deepEqual(await startShim(agentSaying("unix:///run/y\n").command, undefined), {
    address: "unix:///run/y",
    version: 2,
  });
});

test("startShim() refuses answers it cannot use, and shows what a failed shim said", async () => {
  for (const bad of [
    "",
    "{",
    '{"version":9,"address":"x"}',
    '{"address":"x"}',
    '{"version":3,"address":"x","protocol":"grpc"}',
  ]) {
    await assert.rejects(startShim(agentSaying(bad).command, undefined), { code: "Internal" });
  }
  const failed = agentSaying("", { exitCode: 1, stderr: "a\nno such runtime\n" });
  await assert.rejects(startShim(failed.command, undefined), /status 1: a; no such runtime/);
});

test("deleteShim() reads the binary answer", async () => {
  const { requests, command } = agentSaying(String.fromCharCode(8, 0xac, 2, 16, 0x89, 1));
  const { pid, exitStatus } = await deleteShim(command);
  assert.deepEqual([pid, exitStatus], [300, 137]);
  assert.equal(requests[0]!.args.slice(-3).join(" "), `-bundle ${dir} delete`);
});

test("calls go to the shim and back, with the namespace, errors and the end of the connection", async () => {
  const path = join(dir, "shim.sock");
  const never = Promise.withResolvers<never>();
  const seen: string[] = [];
  const router = new Router().add(
    TaskService,
    {
      start: ({ id }, { metadata }) => {
        seen.push(`${id} ${metadata.get("containerd-namespace-ttrpc")?.[0]}`);
        return { pid: 42 };
      },
      kill: () => Promise.reject(new WharfError("NotFound", "no such process")),
      wait: () => never.promise,
    },
    "containerd.task.v3.Task",
  );
  const server = await serveTtrpc(path, router);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  const client = await ShimClient.connect({ address: `unix://${path}`, version: 3 });
  assert.equal((await client.task.start({ id: "c1" }, callOptions("moby"))).pid, 42);
  assert.deepEqual(seen, ["c1 moby"]);
  await assert.rejects(client.task.kill({ id: "c1" }, callOptions("moby")), {
    code: "NotFound",
    message: /no such process/,
  });
  await assert.rejects(client.task.wait({ id: "c1" }, callOptions("moby", { timeoutMs: 30 })), {
    code: "DeadlineExceeded",
  });
  const waiting = client.task.wait({ id: "c1" }, callOptions("moby", { timeoutMs: undefined }));
  await server[Symbol.asyncDispose]();
  await assert.rejects(waiting, { code: "Unavailable" });
  await client.closed;
  await assert.rejects(ShimClient.connect({ address: path, version: 2 }), { code: "Unavailable" });
});

test("a server survives what is no ttrpc", async () => {
  const path = join(dir, "events.sock");
  await using _ = await serveTtrpc(path, new Router());
  const socket = connect(path);
  socket.on("error", () => {});
  socket.write(Buffer.alloc(64, 0xff));
  await new Promise((resolve) => setTimeout(resolve, 50));
  socket.destroy();
  const client = await ShimClient.connect({ address: path, version: 2 });
  await assert.rejects(client.task.start({ id: "x" }, callOptions("a")), { code: "Unimplemented" });
  client[Symbol.dispose]();
  await client.closed;
});
