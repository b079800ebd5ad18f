// Writing a blob into the content store.

import { isCode, WharfError } from "../../common/errors.ts";
import {
  WriteAction,
  type WriteContentRequest,
  type WriteContentResponse,
} from "../../common/gen/containerd/services/content.ts";
import type { Init } from "../../common/protobuf/schema.ts";
import type { Ctr } from "./ctr.ts";
import { Outbox } from "./outbox.ts";

/** Bytes of one message. */
export const PIECE = 1 << 20;

export interface BlobRequest {
  /** Names the ingest: one of a name at a time. */
  ref: string;
  /** 0 and "": not known before. */
  size?: number;
  digest?: string;
  labels?: Record<string, string>;
}

/** An open ingest; each call is answered before the next may be made. */
export class BlobWriter {
  readonly #requests = new Outbox<Init<WriteContentRequest>>();
  readonly #answers: AsyncIterator<WriteContentResponse>;
  readonly #request: BlobRequest;
  #offset = 0;

  constructor(ctr: Ctr, request: BlobRequest) {
    this.#request = request;
    this.#answers = ctr.content.write(this.#requests)[Symbol.asyncIterator]();
  }

  async #ask(request: Init<WriteContentRequest>): Promise<WriteContentResponse> {
    this.#requests.put(request);
    const answer = await this.#answers.next();
    if (answer.done) throw new WharfError("Unavailable", `writing ${JSON.stringify(this.#request.ref)} was cut off`);
    return answer.value;
  }

  async write(data: Uint8Array): Promise<void> {
    const { ref, size = 0, digest = "" } = this.#request;
    const action = WriteAction.WRITE;
    await this.#ask({ action, ref, total: size, expected: digest, offset: this.#offset, data });
    this.#offset += data.length;
  }

  /** The blob's digest. */
  async commit(): Promise<string> {
    const { ref, size = 0, digest = "", labels = {} } = this.#request;
    const answer = await this.#ask({
      ...{ action: WriteAction.COMMIT, ref, offset: this.#offset },
      ...{ total: size || this.#offset, expected: digest, labels },
    });
    this.#requests.end();
    return answer.digest;
  }
}

/** Writes a whole blob, unless it is there already. */
export async function writeBlob(
  ctr: Ctr,
  request: Required<Pick<BlobRequest, "digest">> & BlobRequest,
  data: Uint8Array,
) {
  try {
    const writer = new BlobWriter(ctr, { ...request, size: data.length });
    for (let at = 0; at < data.length || at === 0; at += PIECE) await writer.write(data.subarray(at, at + PIECE));
    await writer.commit();
  } catch (error) {
    if (!isCode(error, "AlreadyExists")) throw error;
    const { digest, labels = {} } = request;
    const paths = Object.keys(labels).map((key) => `labels.${key}`);
    if (paths.length > 0) await ctr.content.update({ info: { digest, labels }, updateMask: { paths } });
  }
}
