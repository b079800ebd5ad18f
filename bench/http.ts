// A client of the Docker Engine API on a unix socket that keeps its connections, and the figures of what is done with it.
import { Agent, request } from "node:http";

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
