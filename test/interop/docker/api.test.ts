// The Engine API byte by byte on our socket: hijacking in all its forms, waiting, logs, errors.
import assert from "node:assert/strict";
import { once } from "node:events";
import { request } from "node:http";
import { after, before, test } from "node:test";
import { build, Daemon, until } from "../e2e/daemon.ts";
import { Api, frames } from "./client.ts";

let daemon: Daemon;
before(async () => {
  build();
  daemon = await Daemon.start();
  await daemon.busybox();
});
after(() => daemon[Symbol.asyncDispose]());

const api = new Api(() => daemon.socket);
const call = api.call.bind(api);
const create = api.create.bind(api);
const expect = api.expect.bind(api);

test("attach before the start: both ways of taking over, frames, half-close, the end", async () => {
  for (const upgrade of [true, false]) {
    const id = await create({
      Cmd: ["sh", "-c", "cat; echo done >&2"],
      OpenStdin: true,
      StdinOnce: true,
      AttachStdin: true,
    });
    const stream = api.stream(`/v1.51/containers/${id}/attach?stream=1&stdin=1&stdout=1&stderr=1`, "", upgrade);
    const header = await stream.ready();
    assert.ok(header.startsWith(upgrade ? "HTTP/1.1 101 UPGRADED\r\n" : "HTTP/1.1 200 OK\r\n"), header);
    assert.match(header, /Content-Type: application\/vnd\.docker\.multiplexed-stream/);
    await expect(204, "POST", `/containers/${id}/start`);
    stream.socket.end("some input\n");
    await stream.ended;
    assert.deepEqual(frames(stream.data), [
      [1, "some input\n"],
      [2, "done\n"],
    ]);
    assert.deepEqual((await expect(200, "POST", `/containers/${id}/wait`)).json(), { StatusCode: 0 });
    await expect(204, "DELETE", `/containers/${id}`);
  }
});

test("attach: an older version calls the stream raw; a container without stdin sees none", async () => {
  const id = await create({ Cmd: ["cat"] });
  const stream = api.stream(`/v1.41/containers/${id}/attach?stream=1&stdin=1&stdout=1&stderr=1`);
  assert.match(await stream.ready(), /Content-Type: application\/vnd\.docker\.raw-stream/);
  stream.socket.write("not for it");
  await expect(204, "POST", `/containers/${id}/start`);
  await stream.ended;
  assert.equal(stream.data.length, 0);
  await expect(204, "DELETE", `/containers/${id}?force=1`);
});

test("attach with logs: what was, then what comes, each once", async () => {
  const script =
    "i=0; while [ $i -lt 200 ]; do i=$((i+1)); echo $i; [ $((i % 10)) = 0 ] && sleep 0.01; done; read x; echo got $x";
  const id = await create({ Cmd: ["sh", "-c", script], OpenStdin: true });
  await expect(204, "POST", `/containers/${id}/start`);
  await until("some lines", async () => (await call("GET", `/containers/${id}/logs?stdout=1`)).body.length > 100);
  const stream = api.stream(`/containers/${id}/attach?logs=1&stream=1&stdin=1&stdout=1&stderr=1`);
  await until("all lines", () => frames(stream.data, true).some(([, text]) => text.includes("\n200\n")));
  stream.socket.write("it\n");
  await stream.ended;
  const expected = Array.from({ length: 200 }, (_, at) => `${at + 1}\n`).join("");
  assert.deepEqual(frames(stream.data), [[1, `${expected}got it\n`]]);
  const only = api.stream(`/containers/${id}/attach?logs=1&stdout=1&stderr=1`);
  await only.ended;
  assert.deepEqual(frames(only.data), [[1, `${expected}got it\n`]]);
  await expect(204, "DELETE", `/containers/${id}`);
});

test("a terminal: raw stream, size, detach keys leave the container running", async () => {
  const id = await create({ Cmd: ["sh"], Tty: true, OpenStdin: true });
  const stream = api.stream(`/containers/${id}/attach?stream=1&stdin=1&stdout=1&stderr=1&detachKeys=ctrl-a,b`);
  assert.match(await stream.ready(), /raw-stream/);
  await expect(204, "POST", `/containers/${id}/start`);
  await expect(200, "POST", `/containers/${id}/resize?h=33&w=77`);
  stream.socket.write("stty size\n");
  await until("the size", () => stream.data.includes("33 77"));
  stream.socket.write("\x01x\x01b");
  await stream.ended;
  assert.equal(
    ((await expect(200, "GET", `/containers/${id}/json`)).json().State as { Running: boolean }).Running,
    true,
  );
  await expect(204, "DELETE", `/containers/${id}?force=1`);
});

test("exec: body before the stream, output, exit code at once when the stream ends", async () => {
  const id = await create({ Cmd: ["sleep", "100"] });
  await expect(409, "POST", `/containers/${id}/exec`, { Cmd: ["true"] });
  await expect(204, "POST", `/containers/${id}/start`);
  await expect(400, "POST", `/containers/${id}/exec`, {});
  for (let at = 0; at < 5; at++) {
    const made = await expect(201, "POST", `/containers/${id}/exec`, {
      Cmd: ["sh", "-c", `cat; echo err >&2; exit ${at}`],
      AttachStdin: true,
      AttachStdout: true,
      AttachStderr: true,
    });
    const exec = made.json().Id as string;
    const stream = api.stream(`/exec/${exec}/start`, JSON.stringify({ Detach: false, Tty: false }), at % 2 === 0);
    await stream.ready();
    stream.socket.end("in");
    await stream.ended;
    assert.deepEqual(frames(stream.data), [
      [1, "in"],
      [2, "err\n"],
    ]);
    const { Running, ExitCode, ContainerID } = (await expect(200, "GET", `/exec/${exec}/json`)).json();
    assert.deepEqual([Running, ExitCode, ContainerID], [false, at, id]);
  }
  await expect(204, "DELETE", `/containers/${id}?force=1`);
});

test("wait answers its header at once; next-exit and removed are told apart", async () => {
  const id = await create({ Cmd: ["sh", "-c", "exit 4"], HostConfig: { NetworkMode: "none", AutoRemove: true } });
  await expect(400, "POST", `/containers/${id}/wait?condition=nonsense`);
  const waits = ["next-exit", "removed"].map((condition) =>
    call("POST", `/containers/${id}/wait?condition=${condition}`),
  );
  assert.deepEqual((await expect(200, "POST", `/containers/${id}/wait`)).json(), { StatusCode: 0 });
  await expect(204, "POST", `/containers/${id}/start`);
  for (const wait of waits) assert.deepEqual((await wait).json(), { StatusCode: 4 });
  await expect(404, "GET", `/containers/${id}/json`);
});

test("logs: streams, since, until, tail, timestamps", async () => {
  const id = await create({ Cmd: ["sh", "-c", "echo a; echo b >&2; sleep 1.1; echo c"] });
  await expect(400, "GET", `/containers/${id}/logs`);
  await expect(204, "POST", `/containers/${id}/start`);
  await expect(200, "POST", `/containers/${id}/wait`);
  const logs = async (query: string) => frames((await expect(200, "GET", `/containers/${id}/logs?${query}`)).body);
  assert.deepEqual(await logs("stdout=1"), [[1, "a\nc\n"]]);
  assert.deepEqual(await logs("stderr=1"), [[2, "b\n"]]);
  assert.deepEqual(await logs("stdout=1&stderr=1&tail=1"), [[1, "c\n"]]);
  assert.deepEqual(await logs("stderr=1&tail=1"), [[2, "b\n"]]);
  const [stamped] = await logs("stdout=1&timestamps=1&tail=1");
  const time = stamped![1].split(" ")[0]!;
  assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$/);
  assert.deepEqual(await logs(`stdout=1&since=${encodeURIComponent(time)}`), [[1, "c\n"]]);
  assert.deepEqual(await logs(`stdout=1&until=${Date.parse(time) / 1000 - 1}`), [[1, "a\n"]]);
  await expect(400, "GET", `/containers/${id}/logs?stdout=1&since=yesterday`);
  await expect(204, "DELETE", `/containers/${id}`);
});

test("logs: a tail with a filter, then what comes; one that ends in time; several lines in a frame", async () => {
  const id = await create({
    Cmd: ["sh", "-c", "for i in 1 2 3; do echo $i; echo e$i >&2; done; read x; echo got $x; read x"],
    OpenStdin: true,
  });
  const input = api.stream(`/v1.51/containers/${id}/attach?stream=1&stdin=1`);
  await input.ready();
  await expect(204, "POST", `/containers/${id}/start`);
  const logs = async (query: string) => (await expect(200, "GET", `/containers/${id}/logs?${query}`)).body;
  await until("the lines", async () => (await logs("stdout=1&stderr=1")).length >= 6 * 8 + 3 * 2 + 3 * 3);
  const follow = (query: string) => {
    const pieces: Buffer[] = [];
    const path = `/containers/${id}/logs?follow=1&${query}`;
    const ended = new Promise<void>((resolve, reject) => {
      const sent = request({ socketPath: daemon.socket, path }, (response) => {
        response.on("data", (piece: Buffer) => pieces.push(piece));
        response.on("end", resolve);
        response.on("error", reject);
      });
      sent.on("error", reject);
      sent.end();
    });
    return { seen: (coming = false) => frames(Buffer.concat(pieces), coming), ended };
  };
  const one = follow("stdout=1&tail=2");
  const both = follow("stdout=1&stderr=1&tail=1&since=1");
  const error = follow("stderr=1&tail=1");
  await until("what was there", () => [one, both, error].every(({ seen }) => seen(true).length > 0));
  input.socket.write("it\n");
  await until("what came", () => [one, both].every(({ seen }) => String(seen(true)).includes("got it")));
  // The time comes while the container says nothing.
  const timed = await logs(`stdout=1&follow=1&until=${Date.now() / 1000 + 0.2}`);
  assert.deepEqual(frames(timed), [[1, "1\n2\n3\ngot it\n"]]);
  input.socket.end("end\n");
  await Promise.all([one.ended, both.ended, error.ended]);
  assert.deepEqual(one.seen(), [[1, "2\n3\ngot it\n"]]);
  assert.match(
    both
      .seen()
      .map(([, text]) => text)
      .join(""),
    /^e?3\ngot it\n$/,
  );
  assert.deepEqual(error.seen(), [[2, "e3\n"]]);
  const joined = await logs("stdout=1&joined=1");
  assert.equal(joined.readUInt32BE(4), joined.length - 8, "one frame");
  await expect(204, "DELETE", `/containers/${id}?force=1`);
});

test("logs of a container that has never run: nothing, and with follow what its first start brings", async () => {
  const id = await create({ Cmd: ["echo", "first"] });
  const path = `/containers/${id}/logs?stdout=1`;
  assert.equal((await expect(200, "GET", path)).body.length, 0);
  const sent = request({ socketPath: daemon.socket, path: `${path}&follow=1` });
  sent.end();
  const [response] = await once(sent, "response");
  // Long enough for it to have looked for the log.
  for (let i = 0; i < 100; i++) await expect(200, "GET", "/_ping");
  await expect(204, "POST", `/containers/${id}/start`);
  const pieces: Buffer[] = [];
  for await (const piece of response) pieces.push(piece as Buffer);
  assert.deepEqual(frames(Buffer.concat(pieces)), [[1, "first\n"]]);
  await expect(204, "DELETE", `/containers/${id}?force=1`);
});

test("errors have Docker's status and words", async () => {
  const message = async (status: number, method: string, path: string, body?: unknown) =>
    (await expect(status, method, path, body)).json().message;
  assert.equal(await message(404, "GET", "/nosuch"), "page not found");
  assert.equal(await message(404, "GET", "/containers/nosuch/json"), "No such container: nosuch");
  assert.equal(await message(404, "POST", "/containers/create", { Image: "nosuch" }), "No such image: nosuch:latest");
  assert.equal(await message(404, "GET", "/exec/nosuch/json"), "No such exec instance: nosuch");
  assert.match(
    String(await message(400, "POST", "/containers/create", { Image: 5 })),
    /^Image must be a string, not 5$/,
  );
  assert.match(String(await message(400, "GET", "/v1.99/version")), /^client version 1\.99 is too new/);
  assert.match(String(await message(501, "GET", "/swarm")), /^SwarmInspect \(GET \/swarm\) is not there yet/);
  const id = await create({ Cmd: ["true"] }, "?name=once");
  assert.match(
    String(await message(409, "POST", "/containers/create?name=once", { Image: "busybox" })),
    /^Conflict\. The container name "\/once"/,
  );
  assert.match(
    String(await message(409, "POST", `/containers/${id}/kill`)),
    /^cannot kill container: once: container [0-9a-f]{64} is not running$/,
  );
  await expect(304, "POST", `/containers/${id}/stop`);
  await expect(204, "DELETE", `/containers/${id}`);
});

test("64 clients at once", async () => {
  const ids = await Promise.all(Array.from({ length: 64 }, () => create({ Cmd: ["true"] })));
  assert.equal(new Set(ids).size, 64);
  assert.equal(((await expect(200, "GET", "/containers/json?all=1")).json() as unknown as unknown[]).length, 64);
  await Promise.all(ids.map((id) => expect(204, "DELETE", `/containers/${id}`)));
  await daemon.clean();
});

test("a trace has the request and what it caused", async () => {
  const traceId = "0af7651916cd43dd8448eb211c80319c";
  await new Promise<void>((resolve, reject) => {
    const headers = { traceparent: `00-${traceId}-b7ad6b7169203331-00` };
    const sent = request({ socketPath: daemon.socket, path: "/version", headers }, (response) => {
      response.resume();
      response.on("end", resolve);
    });
    sent.on("error", reject);
    sent.end();
  });
  const spans = (await expect(200, "GET", `/wharf/trace/${traceId}`)).json() as unknown as {
    name: string;
    parentId: string;
  }[];
  assert.deepEqual(
    spans.map(({ name, parentId }) => [name, parentId]),
    [["GET /version", "b7ad6b7169203331"]],
  );
});
