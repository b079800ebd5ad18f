/**
 * Attach: a client's connection joined to a process's attach socket. The shim frames the output, so the daemon only passes bytes
 * on; of the input it looks at a terminal's, for the keys that detach.
 */

import { once } from "node:events";
import { connect } from "node:net";
import type { Duplex } from "node:stream";
import type { AttachHello } from "../../../common/docker/task-io.ts";
import { WharfError } from "../../../common/errors.ts";
import { taken } from "../../peer.ts";
import { DetachScanner } from "./detach-keys.ts";

export interface AttachmentOptions extends Omit<AttachHello, "wait"> {
  /** Looked for in the input of a terminal. */
  detachKeys?: Uint8Array | undefined;
  onDetach?: (() => void) | undefined;
  /** After the output has ended the connection ends no sooner than this resolves: then the exit code can be asked for. */
  recorded?: Promise<void> | undefined;
}

/** A plain connection, or a WebSocket. */
export type ClientStream = Duplex & { destroySoon(): void };

/** One client's connection, before and after there is a process to join it to. */
export class Attachment {
  readonly #client: ClientStream;
  readonly #options: AttachmentOptions;
  /** Resolves when the client's connection is over. */
  readonly closed: Promise<void>;

  constructor(client: ClientStream, options: AttachmentOptions) {
    this.#client = client;
    this.#options = options;
    this.closed = new Promise((resolve) => {
      client.on("close", () => resolve());
    });
    client.on("error", () => client.destroy());
  }

  get gone(): boolean {
    return this.#client.destroyed;
  }

  /** Joins the two; resolves when the shim has been told what is wanted. Unavailable when there is no such socket. */
  async join(path: string): Promise<void> {
    const client = this.#client;
    if (client.destroyed) return;
    const upstream = connect({ path, allowHalfOpen: true });
    try {
      await once(upstream, "connect");
    } catch (cause) {
      throw new WharfError("Unavailable", "the container's output cannot be reached", { operation: "attach", cause });
    }
    // it may have gone meanwhile, which is told only once: nobody would read from the shim then, and the container would wait for it
    if (client.destroyed) return void upstream.destroy();
    const { stdin, stdout, stderr, frames, detachKeys, onDetach, recorded } = this.#options;
    upstream.on("error", () => upstream.destroy());
    const hello: AttachHello = { stdin, stdout, stderr, ...(frames === undefined ? {} : { frames }), wait: true };
    upstream.write(`${JSON.stringify(hello)}\n`);
    void taken(client).then(() => upstream.pipe(client, { end: false }));
    client.on("close", () => upstream.destroy());
    upstream.on("close", async () => {
      // Input that nobody reads any more must not keep the connection.
      client.resume();
      await recorded;
      this.end();
    });
    upstream.on("end", () => upstream.end());
    if (!stdin) return void client.resume();
    if (!detachKeys) return void client.pipe(upstream);
    const scanner = new DetachScanner(detachKeys);
    client.on("data", (chunk: Buffer) => {
      const { pass, detached } = scanner.push(chunk);
      if (pass.length > 0 && !upstream.write(pass)) {
        client.pause();
        upstream.once("drain", () => client.resume());
      }
      if (!detached) return;
      onDetach?.();
      upstream.destroy();
      client.end(() => client.destroySoon());
    });
    client.on("end", () => upstream.end());
  }

  /** Ends the client's connection. */
  end(lastWords?: Uint8Array | string): void {
    if (!this.#client.destroyed) this.#client.end(lastWords ?? "", () => this.#client.destroySoon());
  }
}

/** A piece of output in Docker's multiplexed form: stream 1 or 2, three zeros, the length, the bytes. */
export function frame(stream: 1 | 2, data: Uint8Array): Buffer {
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(data.length, 4);
  return Buffer.concat([header, data]);
}
