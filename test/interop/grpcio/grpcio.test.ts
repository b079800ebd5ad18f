// gRPC-core, which Python's and other languages' gRPC is, on our socket.
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { ROOT } from "../../../tools/lib/native.ts";
import { execute } from "../cli/program.ts";
import { build, Daemon, until } from "../e2e/daemon.ts";

let daemon: Daemon;
before(async () => {
  build();
  daemon = await Daemon.start();
  // It comes after docker.sock.
  await until("the socket", () => / listening socket=\S+containerd\.sock/.test(daemon.log));
});
after(() => daemon[Symbol.asyncDispose]());

test("gRPC-core: calls, streams, cancellation, deadlines, errors with their text, long metadata", async () => {
  const script = join(ROOT, "test/interop/grpcio/scenario.py");
  // Debian's own Python, for which the library is installed.
  const { stdout, stderr, code } = await execute(["/usr/bin/python3", script, join(daemon.state, "containerd.sock")]);
  assert.equal(code, 0, stderr);
  assert.equal(stdout, "done\n");
});
