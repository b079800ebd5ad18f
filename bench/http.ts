// A client of the Docker Engine API on a unix socket that keeps its connections, and the figures of what is done with it.
import { Agent, request } from "node:http";
import { connect, type Socket } from "node:net";

/** Calls of one kind in a row, where kinds take turns. */
const BLOCK = 100;

export class Api {
  readonly #socket: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 });

  constructor(socket: string) {
    this.#socket = socket;
  }

  /** The answer's JSON, or its text; throws for a status of 400 and above. */
  call<T = unknown>(method: string, path: string, body?: unknown): Promise<T> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const headers = text === undefined ? {} : { "content-type": "application/json", "content-length": text.length };
    return new Promise((resolve, reject) => {
      const message = request({ socketPath: this.#socket, agent: this.#agent, method, path, headers }, (answer) => {
        const parts: Buffer[] = [];
        answer.on("data", (part: Buffer) => parts.push(part));
        answer.on("error", reject);
        answer.on("end", () => {
          const all = Buffer.concat(parts);
          if (answer.statusCode! >= 400) return reject(new Error(`${method} ${path}: ${answer.statusCode} ${all}`));
          const json = all.length > 0 && /json/.test(answer.headers["content-type"] ?? "");
          resolve((json ? JSON.parse(String(all)) : all) as T);
        });
      });
      message.on("error", reject);
      message.end(text);
    });
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}

/**
 * One request, made beforehand, again and again with next to no client, so that a figure is the server's: the answer's head is looked through for its length
 * alone.
 */
export class RawRequest implements Disposable {
  readonly #socket: Socket;
  readonly #request: Buffer;
  readonly #wanted: string;
  #answer = "";
  #waiting: { resolve(body: string): void; reject(error: Error): void } | undefined;

  constructor(socket: string, method: string, path: string, body?: unknown, status = 200) {
    const text = body === undefined ? "" : JSON.stringify(body);
    const about = text === "" ? "" : `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(text)}\r\n`;
    this.#request = Buffer.from(`${method} ${path} HTTP/1.1\r\nHost: localhost\r\n${about}\r\n${text}`);
    this.#wanted = `HTTP/1.1 ${status} `;
    this.#socket = connect(socket);
    this.#socket.on("data", (chunk: Buffer) => this.#receive(chunk.toString("latin1")));
    this.#socket.on("error", (error) => this.#waiting?.reject(error));
    this.#socket.on("close", () => this.#waiting?.reject(new Error("the connection was closed")));
  }

  /** The answer's body. */
  call(): Promise<string> {
    this.#answer = "";
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#socket.write(this.#request);
    });
  }

  #receive(text: string): void {
    this.#answer += text;
    const end = this.#answer.indexOf("\r\n\r\n");
    if (end < 0) return;
    const length = /\r\ncontent-length: (\d+)/i.exec(this.#answer.slice(0, end));
    if (!length || !this.#answer.startsWith(this.#wanted)) this.#waiting?.reject(new Error(this.#answer));
    else if (this.#answer.length === end + 4 + Number(length[1])) this.#waiting?.resolve(this.#answer.slice(end + 4));
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}

/**
 * Milliseconds of each of `count` calls of each, in blocks that take turns: on which processor the kernel has the two sides of a call, and what else goes on,
 * changes them more than what is compared.
 */
export async function inTurns(
  count: number,
  calls: readonly (() => Promise<unknown>)[],
  block = BLOCK,
): Promise<number[][]> {
  const samples: number[][] = calls.map(() => []);
  for (let done = 0; done < count; done += block) {
    for (const [i, call] of calls.entries()) samples[i]!.push(...(await samplesOf(block, call)));
  }
  return samples;
}

/** Milliseconds of each of `count` calls, one after another. */
export async function samplesOf(count: number, work: (i: number) => Promise<unknown>): Promise<number[]> {
  const samples: number[] = [];
  for (let i = 0; i < count; i++) {
    const start = performance.now();
    await work(i);
    samples.push(performance.now() - start);
  }
  return samples;
}

/** Seconds for all, `width` at a time. */
export async function secondsFor<T>(
  items: readonly T[],
  width: number,
  work: (item: T) => Promise<unknown>,
): Promise<number> {
  const queue = [...items];
  const start = performance.now();
  const worker = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: width }, worker));
  return (performance.now() - start) / 1000;
}
