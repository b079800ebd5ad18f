// Clients that go away at each step of what takes its time, and logs that are followed while they rotate.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { connect } from "node:net";
import { join } from "node:path";
import { before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { file, tar } from "../../kernel/layer/support.ts";
import { execute } from "../cli/program.ts";
import { Api } from "../docker/client.ts";
import { startRegistry } from "../registry/support.ts";
import { BIN, build, Daemon, until } from "./daemon.ts";
import { busyboxTar, makeLayout, push } from "./layouts.ts";

before(build);

const ALL = process.env.WHARF_TEST_ALL !== undefined;
const NONE = { NetworkMode: "none" };

/**
 * Sends a request and hangs up when so many bytes of the answer have come, or, with 0, as soon as it is sent. Answers whether there were
 * so many.
 */
function cut(daemon: Daemon, head: string, body: Buffer, after: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(daemon.socket);
    let came = 0;
    const end = (reached: boolean) => {
      socket.destroy();
      resolve(reached);
    };
    socket.on("error", () => end(false));
    socket.on("close", () => resolve(false));
    socket.on("data", (chunk) => {
      came += chunk.length;
      if (came >= after) end(true);
    });
    socket.on("end", () => end(false));
    socket.write(`${head}\r\nHost: docker\r\n${/upgrade/i.test(head) ? "" : "Connection: close\r\n"}\r\n`);
    socket.write(body, () => after === 0 && setImmediate(end, true));
  });
}

test("a client that hangs up at each step of a pull: nothing is left, and the next pull has it all", async () => {
  await using registry = await startRegistry();
  await using daemon = await Daemon.start();
  await daemon.busybox();
  const data = Buffer.alloc(3_000_000, "some text that does not pack too well ");
  for (let i = 0; i < data.length; i += 7) data[i] = (i * 2654435761) >>> 24;
  const layers = [{ tar: busyboxTar(join(daemon.dir, "base")) }, { tar: tar(file("big", "", { data })) }];
  const image = `${registry.host}/test/cut:v1`;
  await push(makeLayout(join(daemon.dir, "layout"), { layers }), image);
  const [name, tag] = [`${registry.host}/test/cut`, "v1"];
  const head = `POST /images/create?fromImage=${encodeURIComponent(name)}&tag=${tag} HTTP/1.1\r\nContent-Length: 0`;
  let steps = 0;
  for (let after = 0; ; after += after < 600 ? 60 : 400) {
    const reached = await cut(daemon, head, Buffer.alloc(0), after);
    // An answer that is shorter may also be that of a pull which shared the end of the one before.
    const { code } = await daemon.wharf(["image", "inspect", image]);
    // The daemon may have been done before it saw that nobody listens.
    await daemon.wharf(["rmi", image]);
    if (!reached && code === 0) break;
    assert.ok(steps < 200, "a pull ends at last");
    steps++;
  }
  assert.ok(steps > 5, `${steps} steps`);
  await daemon.clean("a pull that was cut off");
  await daemon.ok("pull", "-q", image);
  assert.equal((await daemon.run([image, "wc", "-c", "/big"])).stdout, `${data.length} /big\n`);
});

test("a client that hangs up at each step of attach and exec: the container goes on, others are served", async () => {
  await using daemon = await Daemon.start();
  await daemon.busybox();
  const api = new Api(() => daemon.socket);
  const shape = { Cmd: ["cat"], OpenStdin: true, AttachStdin: true, HostConfig: NONE };
  const id = await api.create(shape);
  const target = `/containers/${id}/attach?stream=1&stdin=1&stdout=1`;
  const upgrade = `POST ${target} HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: tcp`;
  // Before there is a process, with it, with output under way.
  for (const after of [0, 1]) await cut(daemon, upgrade, Buffer.alloc(0), after);
  await api.start(id);
  for (const after of [0, 1, 200, 100_000]) await cut(daemon, upgrade, Buffer.alloc(300_000, "x\n"), after);
  const { Id } = (await api.expect(201, "POST", `/containers/${id}/exec`, { Cmd: ["yes"], AttachStdout: true })).json();
  const start = `POST /exec/${Id}/start HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Type: application/json\r\nContent-Length: 2`;
  assert.ok(await cut(daemon, start, Buffer.from("{}"), 100_000));
  assert.equal((await api.inspect(id)).State.Status, "running");
  const stream = api.stream(target);
  await stream.ready();
  stream.socket.write("still here\n");
  await until("the echo", () => stream.data.includes("still here"));
  stream.socket.destroy();
  await api.remove(id);
  await daemon.clean("clients that hung up");
});

test("a client that hangs up at each step of cp, both ways: nothing hangs, the container can be removed", async () => {
  await using daemon = await Daemon.start();
  await daemon.busybox();
  const api = new Api(() => daemon.socket);
  const big = { Cmd: ["sh", "-c", "head -c 8000000 /dev/zero > /big; sleep 1000"], HostConfig: NONE };
  const id = await api.create(big);
  await api.start(id);
  await until("the file", async () => (await daemon.wharf(["exec", id, "test", "-s", "/big"])).code === 0);
  for (const after of [0, 1, 400, 5000, 1_000_000])
    await cut(daemon, `GET /containers/${id}/archive?path=/big HTTP/1.1`, Buffer.alloc(0), after);
  const sent = tar(file("put", "", { data: Buffer.alloc(4_000_000, 1) }));
  const put = (length: number) => `PUT /containers/${id}/archive?path=/tmp HTTP/1.1\r\nContent-Length: ${length}`;
  for (const part of [0, 100, 512, 70_000, 3_000_000]) await cut(daemon, put(sent.length), sent.subarray(0, part), 0);
  await cut(daemon, put(sent.length), sent, 0);
  assert.equal((await api.call("PUT", `/containers/${id}/archive?path=/tmp`, sent)).status, 200);
  assert.equal(await daemon.ok("exec", id, "sh", "-c", "wc -c < /tmp/put"), "4000000");
  await api.remove(id);
  await daemon.clean("clients of cp that hung up");
});

test("logs -f over rotations has every byte, while it is written as fast as can be", async () => {
  await using daemon = await Daemon.start();
  await daemon.busybox();
  const count = ALL ? 3_000_000 : 600_000;
  const flags = ["--log-opt", "max-size=8m", "--log-opt", "max-file=100", "--network", "none"];
  // Begins when it is told to: the reader is there from the first byte.
  const script = `while [ ! -e /go ]; do sleep 0.05; done; seq -w 10000000 ${10_000_000 + count - 1}`;
  await daemon.ok("run", "-d", "--name", "writes", ...flags, "busybox", "sh", "-c", script);
  const hash = createHash("sha256");
  let size = 0;
  const { promise, resolve } = Promise.withResolvers<void>();
  const reader = spawn(join(BIN, "wharf"), ["logs", "-f", "writes"], { env: { ...process.env, ...daemon.env } });
  reader.stdout.on("data", (chunk: Buffer) => {
    size += chunk.length;
    hash.update(chunk);
  });
  reader.on("close", () => resolve());
  await sleep(300);
  await daemon.ok("exec", "writes", "touch", "/go");
  await promise;
  const expected = createHash("sha256");
  let bytes = 0;
  for (let i = 0; i < count; i++) {
    const line = `${10_000_000 + i}\n`;
    bytes += line.length;
    expected.update(line);
  }
  assert.equal(size, bytes);
  assert.equal(hash.digest("hex"), expected.digest("hex"));
  await daemon.removeAll();
});

test("a reader that is slower than the end of its container gets every byte", async () => {
  await using daemon = await Daemon.start();
  await daemon.busybox();
  // What is left unread at first fits into what lies between, so that container and shim can end.
  const script = `"$0" run --rm --network none busybox head -c 20000000 /dev/zero | (
    head -c 18800000 > /dev/null
    while [ -n "$(ls "$1")" ]; do sleep 0.05; done
    wc -c)`;
  const argv = ["sh", "-c", script, join(BIN, "wharf"), join(daemon.state, "tasks/moby")];
  const { stdout, stderr } = await execute(argv, { env: { ...process.env, ...daemon.env } as Record<string, string> });
  assert.equal(stdout.trim(), "1200000", stderr);
  await daemon.clean();
});
