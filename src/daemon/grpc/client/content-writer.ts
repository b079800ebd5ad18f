/** A ContentWriter over the Write stream: each message is answered before the next one goes out. */

import type { Digest } from "../../../common/digest.ts";
import { WharfError } from "../../../common/errors.ts";
import {
  type ContentService,
  WriteAction,
  type WriteContentRequest,
  type WriteContentResponse,
} from "../../../common/gen/containerd/services/content.ts";
import type { Init } from "../../../common/protobuf/schema.ts";
import type { CommitRequest, ContentWriter, IngestStatus, WriterRequest } from "../../containerd/api/content.ts";
import { fromLabels, fromTime } from "../convert.ts";
import type { ClientFor } from "./call.ts";

/** Bytes of one message. */
const PIECE = 1 << 20;

export class RemoteWriter implements ContentWriter {
  readonly ref: string;
  readonly #status: IngestStatus;
  readonly #requests: Outbox;
  readonly #answers: AsyncIterator<WriteContentResponse>;
  #open = true;
  #order: Promise<void> = Promise.resolve();
  #digest = "";

  private constructor(request: WriterRequest, requests: Outbox, answers: AsyncIterator<WriteContentResponse>) {
    const { ref, size = 0, digest } = request;
    this.ref = ref;
    this.#requests = requests;
    this.#answers = answers;
    this.#status = { ref, offset: 0, total: size, expected: digest, startedAt: "", updatedAt: "" };
  }

  static async open(client: ClientFor<typeof ContentService>, request: WriterRequest): Promise<RemoteWriter> {
    const requests = new Outbox();
    const answers = client.write(requests)[Symbol.asyncIterator]();
    const writer = new RemoteWriter(request, requests, answers);
    const { ref, size = 0, digest = "" } = request;
    const { offset, total, startedAt, updatedAt } = await writer.#ask({
      action: WriteAction.STAT,
      ...{ ref, total: size, expected: digest },
    });
    Object.assign(writer.#status, { offset, total, startedAt: fromTime(startedAt), updatedAt: fromTime(updatedAt) });
    return writer;
  }

  /** As the last answer told: containerd's after each message, ours where the digest was not given beforehand. */
  async digest(): Promise<Digest> {
    if (this.#digest !== "") return this.#digest as Digest;
    const { offset, digest } = await this.#ask({ action: WriteAction.STAT, ref: this.ref });
    if (digest === "")
      throw new WharfError("Unavailable", `the digest of ${offset} bytes is not told`, { subject: this.ref });
    return digest as Digest;
  }

  status(): IngestStatus {
    return { ...this.#status };
  }

  /** One after the other, also when several are called for at once: each names the place where the one before has ended. */
  write(data: Uint8Array): Promise<void> {
    const write = async () => {
      for (let at = 0; at < data.length; at += PIECE) await this.#write(data.subarray(at, at + PIECE));
    };
    const written = this.#order.then(write);
    this.#order = written;
    written.catch(() => {});
    return written;
  }

  async #write(data: Uint8Array): Promise<void> {
    const { offset } = this.#status;
    const answer = await this.#ask({ action: WriteAction.WRITE, ref: this.ref, offset, data });
    this.#status.offset = answer.offset;
  }

  /** Only to nothing: the protocol knows no other place, and what is kept would have to be sent again. */
  async truncate(size: number): Promise<void> {
    await this.#order;
    if (size === this.#status.offset) return;
    if (size !== 0) throw new WharfError("Unimplemented", "over gRPC an ingest is truncated to 0 only");
    this.#status.offset = (await this.#ask({ action: WriteAction.WRITE, ref: this.ref, offset: 0 })).offset;
  }

  async commit({ size = 0, digest, labels = {} }: CommitRequest = {}): Promise<Digest> {
    await this.#order;
    const { offset } = this.#status;
    const request = { action: WriteAction.COMMIT, ref: this.ref, total: size, offset, expected: digest ?? "" };
    const answer = await this.#ask({ ...request, labels: fromLabels(labels) ?? {} });
    await this.close();
    return answer.digest as Digest;
  }

  async #ask(request: Init<WriteContentRequest>): Promise<WriteContentResponse> {
    if (!this.#open) throw this.#closed();
    this.#requests.put(request);
    let answer: IteratorResult<WriteContentResponse>;
    try {
      answer = await this.#answers.next();
    } catch (error) {
      this.#open = false;
      this.#requests.end();
      throw error;
    }
    if (answer.done) throw this.#closed();
    this.#digest = answer.value.digest;
    return answer.value;
  }

  #closed(): WharfError {
    return new WharfError("FailedPrecondition", `the writer of ${JSON.stringify(this.ref)} is closed`, {
      subject: this.ref,
    });
  }

  /** Resolves when the other side has let go of the ref. */
  async close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    this.#requests.end();
    while (!(await this.#answers.next()).done);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** Messages as they are put in. */
class Outbox implements AsyncIterable<Init<WriteContentRequest>> {
  readonly #waiting: Init<WriteContentRequest>[] = [];
  #ended = false;
  #wake: (() => void) | undefined;

  put(request: Init<WriteContentRequest>): void {
    this.#waiting.push(request);
    this.#wake?.();
  }

  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Init<WriteContentRequest>> {
    for (;;) {
      const next = this.#waiting.shift();
      if (next) yield next;
      else if (this.#ended) return;
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        this.#wake = undefined;
      }
    }
  }
}
