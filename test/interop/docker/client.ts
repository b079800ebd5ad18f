// The Engine API byte by byte: requests and hijacked connections on a daemon's socket.
import assert from "node:assert/strict";
import { request } from "node:http";
import { connect, type Socket } from "node:net";
import { until } from "../e2e/daemon.ts";

export interface Answer {
  status: number;
  headers: Record<string, string | undefined>;
  body: Buffer;
  // biome-ignore lint/suspicious/noExplicitAny: what a test looks at it knows
  json: () => any;
}

export class Api {
  readonly #socket: () => string;

  constructor(socket: () => string) {
    this.#socket = socket;
  }

  call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const raw = body === undefined || Buffer.isBuffer(body);
      const all = raw ? headers : { "Content-Type": "application/json", ...headers };
      const sent = request({ socketPath: this.#socket(), method, path, headers: all }, (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => {
          const whole = Buffer.concat(chunks);
          resolve({
            status: response.statusCode!,
            headers: response.headers as Record<string, string | undefined>,
            body: whole,
            json: () => JSON.parse(whole.toString()),
          });
        });
      });
      sent.on("error", reject);
      sent.end(raw ? body : JSON.stringify(body));
    });
  }

  async expect(status: number, method: string, path: string, body?: unknown): Promise<Answer> {
    const answer = await this.call(method, path, body);
    assert.equal(answer.status, status, `${method} ${path}: ${answer.body}`);
    return answer;
  }

  /** Refused with this status and a message that matches. */
  async refused(status: number, message: RegExp, method: string, path: string, body?: unknown): Promise<void> {
    const answer = await this.expect(status, method, path, body);
    assert.match(answer.json().message, message);
  }

  /** A container of busybox without network, unless `body` says otherwise. */
  async create(body: object, query = ""): Promise<string> {
    const answer = await this.call("POST", `/containers/create${query}`, {
      Image: "busybox",
      HostConfig: { NetworkMode: "none" },
      ...body,
    });
    assert.equal(answer.status, 201, answer.body.toString());
    return answer.json().Id as string;
  }

  // biome-ignore lint/suspicious/noExplicitAny: what a test looks at it knows
  async inspect(id: string): Promise<any> {
    return (await this.expect(200, "GET", `/containers/${id}/json`)).json();
  }

  async start(id: string): Promise<void> {
    await this.expect(204, "POST", `/containers/${id}/start`);
  }

  async remove(...ids: string[]): Promise<void> {
    for (const id of ids) await this.expect(204, "DELETE", `/containers/${id}?force=1&v=1`);
  }

  /** Runs a container to its end: what it wrote, both streams in one. */
  async run(body: object): Promise<string> {
    const id = await this.create(body);
    await this.start(id);
    const { StatusCode } = (await this.expect(200, "POST", `/containers/${id}/wait`)).json();
    const logs = await this.expect(200, "GET", `/containers/${id}/logs?stdout=1&stderr=1`);
    await this.remove(id);
    const text = frames(logs.body)
      .map(([, piece]) => piece)
      .join("");
    assert.equal(StatusCode, 0, text);
    return text;
  }

  stream(path: string, body = "", upgrade = true): Stream {
    return new Stream(this.#socket(), path, body, upgrade);
  }
}

/** A hijacked connection: what came after the header, and the means to send. */
export class Stream {
  readonly socket: Socket;
  header = "";
  data: Buffer = Buffer.alloc(0);
  readonly ended: Promise<void>;

  constructor(path: string, target: string, body: string, upgrade: boolean) {
    this.socket = connect({ path, allowHalfOpen: true });
    const lines = [
      `POST ${target} HTTP/1.1`,
      "Host: docker",
      ...(upgrade ? ["Connection: Upgrade", "Upgrade: tcp"] : []),
    ];
    if (body !== "") lines.push("Content-Type: application/json", `Content-Length: ${body.length}`);
    this.socket.write(`${lines.join("\r\n")}\r\n\r\n${body}`);
    let all: Buffer = Buffer.alloc(0);
    this.socket.on("data", (chunk: Buffer) => {
      all = Buffer.concat([all, chunk]);
      const end = all.indexOf("\r\n\r\n");
      if (end < 0) return;
      this.header = all.toString("latin1", 0, end);
      this.data = all.subarray(end + 4);
    });
    this.ended = new Promise((resolve, reject) => {
      this.socket.on("end", resolve);
      this.socket.on("error", reject);
    });
  }

  ready(): Promise<string> {
    return until("the header", () => this.header);
  }
}

/** Docker's frames as [stream, text], neighbours of one stream joined. Of one that has not come whole: an error, unless more is `coming`. */
export function frames(data: Buffer, coming = false): [number, string][] {
  const found: [number, string][] = [];
  for (let at = 0; at < data.length; ) {
    const length = at + 8 <= data.length ? data.readUInt32BE(at + 4) : data.length;
    if (at + 8 + length > data.length) {
      if (coming) break;
      throw new Error(`a frame is cut: ${data.toString("hex", at)}`);
    }
    const text = data.toString("utf8", at + 8, at + 8 + length);
    const last = found.at(-1);
    if (last && last[0] === data[at]) last[1] += text;
    else found.push([data[at]!, text]);
    at += 8 + length;
  }
  return found;
}

/** A tar of one entry. */
export function tarOf(name: string, { type = "0", content = "", link = "", mode = 0o644 } = {}): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write(`${mode.toString(8).padStart(7, "0")}\0`, 100);
  header.write("0000000\0", 108);
  header.write("0000000\0", 116);
  header.write(`${content.length.toString(8).padStart(11, "0")}\0`, 124);
  header.write("00000000000\0", 136);
  header.write("        ", 148);
  header.write(type, 156);
  header.write(link, 157);
  header.write("ustar\x0000", 257);
  const sum = header.reduce((all, byte) => all + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  const data = Buffer.alloc(Math.ceil(content.length / 512) * 512);
  data.write(content);
  return Buffer.concat([header, data, Buffer.alloc(1024)]);
}
