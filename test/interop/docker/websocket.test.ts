// Attach over a WebSocket, byte by byte (RFC 6455).
import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { after, before, test } from "node:test";
import { build, Daemon, until } from "../e2e/daemon.ts";
import { Api } from "./client.ts";

let daemon: Daemon;
const api = new Api(() => daemon.socket);
before(async () => {
  build();
  daemon = await Daemon.start();
  await daemon.busybox();
});
after(() => daemon[Symbol.asyncDispose]());

const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

class Client {
  readonly socket: Socket;
  header = "";
  text = "";
  /** Payloads of the server's close frames: codes. */
  codes: number[] = [];
  pongs: string[] = [];
  readonly closed: Promise<void>;
  #data: Buffer = Buffer.alloc(0);

  constructor(
    path: string,
    headers = `Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${KEY}\r\n`,
  ) {
    this.socket = connect({ path: daemon.socket, allowHalfOpen: true });
    this.socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n${headers}\r\n`);
    this.socket.on("data", (chunk: Buffer) => this.#take(chunk));
    this.socket.on("end", () => this.socket.end());
    this.closed = new Promise((resolve) => this.socket.on("close", () => resolve()));
    this.socket.on("error", () => {});
  }

  #take(chunk: Buffer): void {
    this.#data = Buffer.concat([this.#data, chunk]);
    if (this.header === "") {
      const end = this.#data.indexOf("\r\n\r\n");
      if (end < 0) return;
      this.header = this.#data.toString("latin1", 0, end);
      this.#data = this.#data.subarray(end + 4);
    }
    while (this.#data.length >= 2) {
      const short = this.#data[1]! & 0x7f;
      assert.equal(this.#data[1]! & 0x80, 0, "a server does not mask");
      const at = short < 126 ? 2 : short === 126 ? 4 : 10;
      if (this.#data.length < at) return;
      const length =
        short < 126 ? short : short === 126 ? this.#data.readUInt16BE(2) : Number(this.#data.readBigUInt64BE(2));
      if (this.#data.length < at + length) return;
      const op = this.#data[0]! & 15;
      const payload = this.#data.subarray(at, at + length);
      if (op === 2) this.text += payload;
      else if (op === 8) this.codes.push(payload.readUInt16BE(0));
      else if (op === 10) this.pongs.push(payload.toString());
      this.#data = this.#data.subarray(at + length);
    }
  }

  send(op: number, text: string, { mask = true, final = true } = {}): void {
    const payload = Buffer.from(text);
    const header = payload.length < 126 ? [payload.length] : [126, payload.length >> 8, payload.length & 255];
    header[0]! |= mask ? 0x80 : 0;
    const key = Buffer.from(mask ? [1, 2, 3, 4] : []);
    if (mask) for (let i = 0; i < payload.length; i++) payload[i]! ^= key[i & 3]!;
    this.socket.write(Buffer.concat([Buffer.from([(final ? 0x80 : 0) | op, ...header]), key, payload]));
  }
}

const PATH = "attach/ws?stream=1&stdin=1&stdout=1&stderr=1";

test("input in pieces and messages of every kind, output of both streams, ping, the end with a close frame", async () => {
  const id = await api.create({ Cmd: ["sh", "-c", "echo err >&2; cat"], OpenStdin: true, StdinOnce: true });
  const client = new Client(`/v1.51/containers/${id}/${PATH}`);
  await until("the header", () => client.header);
  assert.match(client.header, /^HTTP\/1\.1 101 /);
  assert.match(client.header, new RegExp(`Sec-WebSocket-Accept: ${ACCEPT.replace("+", "\\+")}`));
  await api.start(id);
  client.send(1, "te", { final: false });
  client.send(9, "are you there");
  client.send(0, "xt\n");
  client.send(2, `${"x".repeat(300)}\n`);
  await until("it back", () => client.text.includes("x".repeat(300)));
  await until("the pong", () => client.pongs.length > 0);
  assert.deepEqual(client.pongs, ["are you there"]);
  // A client's close is the end of its input.
  client.send(8, "\x03\xe8");
  await client.closed;
  assert.ok(client.text.includes("err\n") && client.text.includes(`text\n${"x".repeat(300)}\n`), client.text);
  assert.deepEqual(client.codes, [1000]);
  await until("the end", async () => (await api.inspect(id)).State.Status === "exited");
  const again = new Client(`/containers/${id}/attach/ws?logs=1&stdout=1&stderr=1`);
  await again.closed;
  assert.ok(again.text.includes("err\n") && again.text.includes("text\n"), "what was written before");
  await api.remove(id);
  await daemon.clean();
});

test("keys of the client's own detach it from a terminal: the container goes on", async () => {
  const id = await api.create({ Cmd: ["cat"], OpenStdin: true, Tty: true });
  await api.start(id);
  const client = new Client(`/containers/${id}/${PATH}&detachKeys=${encodeURIComponent("ctrl-x,y")}`);
  await until("the header", () => client.header);
  client.send(1, "there\n");
  await until("it back", () => client.text.includes("there"));
  client.send(1, "\x18y");
  await client.closed;
  assert.deepEqual(client.codes, [1000]);
  assert.equal((await api.inspect(id)).State.Status, "running");
  await api.remove(id);
  await daemon.clean();
});

test("a large output comes whole", async () => {
  const id = await api.create({ Cmd: ["sh", "-c", "seq 1 300000"] });
  const client = new Client(`/containers/${id}/${PATH}`);
  await until("the header", () => client.header);
  await api.start(id);
  await client.closed;
  const lines = client.text.trim().split("\n");
  assert.deepEqual([lines.length, lines.at(-1)], [300000, "300000"]);
  await api.remove(id);
});

test("what breaks the protocol is told so and hung up on; what is no handshake gets an ordinary answer", async () => {
  const id = await api.create({ Cmd: ["sleep", "1000"], OpenStdin: true });
  await api.start(id);
  const breaks: [(client: Client) => void, number][] = [
    [(client) => client.send(2, "unmasked", { mask: false }), 1002],
    [(client) => client.send(9, "x".repeat(200)), 1002],
    [(client) => client.send(7, "unknown"), 1002],
    [(client) => client.socket.write(Buffer.from([0x82, 0xff, 0, 0, 0, 0, 0x7f, 0, 0, 0, 1, 2, 3, 4])), 1009],
  ];
  for (const [breakIt, code] of breaks) {
    const client = new Client(`/containers/${id}/${PATH}`);
    await until("the header", () => client.header);
    breakIt(client);
    await client.closed;
    assert.deepEqual(client.codes, [code]);
  }
  await api.refused(400, /WebSocket clients/, "GET", `/containers/${id}/attach/ws`);
  const old = new Client(`/containers/${id}/${PATH}`, "Upgrade: websocket\r\nSec-WebSocket-Version: 8\r\n");
  await until("the header", () => old.header);
  assert.match(old.header, /^HTTP\/1\.1 400 /);
  old.socket.destroy();
  const none = new Client("/containers/nosuch/attach/ws");
  await until("the header", () => none.header);
  assert.match(none.header, /^HTTP\/1\.1 404 /);
  none.socket.destroy();
  await api.remove(id);
  await daemon.clean();
});
