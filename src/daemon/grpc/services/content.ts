/** containerd.services.content.v1, all but Write: a thin layer over ContentStore. */

import { parseDigest } from "../../../common/digest.ts";
import { ContentService, type Info, type Status } from "../../../common/gen/containerd/services/content.ts";
import { RawMessage } from "../../../common/grpc/message.ts";
import type { Init } from "../../../common/protobuf/schema.ts";
import type { ContentInfo, IngestStatus } from "../../containerd/api/content.ts";
import type { Digest } from "../../containerd/api/types.ts";
import type { ContainerdCore } from "../../containerd/api.ts";
import { type CallContext, clientOf } from "../context.ts";
import { blocks, required, toTime } from "../convert.ts";
import type { Router } from "../router.ts";
import { writeContent } from "./content-write.ts";

export function addContent(router: Router, core: ContainerdCore): void {
  const store = (call: CallContext) => clientOf(core, call).content;
  router.add(ContentService, {
    info: async ({ digest }, call) => ({ info: toInfo(await store(call).info(digestOf(digest))) }),
    update: async ({ info, updateMask }, call) => {
      const { digest, labels } = required(info, "info");
      const updated = await store(call).update({ digest: digestOf(digest), labels }, updateMask?.paths);
      return { info: toInfo(updated) };
    },
    async *list({ filters }, call) {
      for await (const block of blocks(store(call).walk(filters))) yield { info: block.map(toInfo) };
    },
    delete: async ({ digest }, call) => {
      await store(call).delete(digestOf(digest));
      return {};
    },
    read: ({ digest, offset, size }, call) => readContent(core, call, digestOf(digest), Math.max(0, offset), size),
    status: async ({ ref }, call) => ({ status: toStatus(await store(call).status(ref)) }),
    listStatuses: async ({ filters }, call) => ({
      statuses: (await store(call).listStatuses(filters)).map(toStatus),
    }),
    write: (requests, call) => writeContent(clientOf(core, call), requests),
    abort: async ({ ref }, call) => {
      await store(call).abort(ref);
      return {};
    },
  });
}

/**
 * The messages are put together by hand: their bytes are not copied, and their memory is used again, for new memory for each of them costs
 * a garbage collection every few megabytes. Offsets count from the first byte asked for.
 */
async function* readContent(core: ContainerdCore, call: CallContext, digest: Digest, offset: number, size: number) {
  const loans = new Loans();
  const memory = (length: number) => loans.take(length);
  const range = { offset, length: size > 0 ? size : undefined, signal: call.signal, memory };
  let at = 0;
  for await (const chunk of clientOf(core, call).content.reader({ digest }, range)) {
    yield new RawMessage(readHead(at, chunk.length), [chunk], () => loans.giveBack(chunk)) as never;
    at += chunk.length;
  }
}

/** Memory of one reading that goes round. */
class Loans {
  /** By their memory, those that are out. */
  readonly #out = new Map<ArrayBufferLike, Uint8Array>();
  readonly #free: Uint8Array[] = [];

  take(size: number): Uint8Array {
    const at = this.#free.findIndex(({ length }) => length >= size);
    const whole = at < 0 ? new Uint8Array(size) : this.#free.splice(at, 1)[0]!;
    this.#out.set(whole.buffer, whole);
    return whole.length === size ? whole : whole.subarray(0, size);
  }

  /** Chunks that are not of this memory are nobody's concern. */
  giveBack({ buffer }: Uint8Array): void {
    const whole = this.#out.get(buffer);
    if (!whole) return;
    this.#out.delete(buffer);
    this.#free.push(whole);
  }
}

/** ReadContentResponse up to its data: field 1 (offset, varint), then tag and length of field 2. */
function readHead(offset: number, length: number): Uint8Array {
  const head: number[] = [];
  const varint = (value: number) => {
    let rest = value;
    for (; rest > 0x7f; rest = Math.floor(rest / 128)) head.push((rest % 128) | 0x80);
    head.push(rest);
  };
  if (offset > 0) {
    head.push(0x08);
    varint(offset);
  }
  head.push(0x12);
  varint(length);
  return Uint8Array.from(head);
}

/** InvalidArgument for text that is no digest. */
function digestOf(text: string): Digest {
  parseDigest(text);
  return text as Digest;
}

function toInfo({ digest, size, createdAt, updatedAt, labels }: ContentInfo): Init<Info> {
  return { digest, size, createdAt: toTime(createdAt), updatedAt: toTime(updatedAt), labels };
}

function toStatus({ ref, offset, total, expected, startedAt, updatedAt }: IngestStatus): Init<Status> {
  return { ref, offset, total, expected: expected ?? "", startedAt: toTime(startedAt), updatedAt: toTime(updatedAt) };
}
