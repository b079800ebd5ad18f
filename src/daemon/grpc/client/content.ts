/** ContentStore over gRPC; writing is in content-writer.ts. */

import type { Digest } from "../../../common/digest.ts";
import { WharfError } from "../../../common/errors.ts";
import { ContentService, type Info, type Status } from "../../../common/gen/containerd/services/content.ts";
import type {
  ContentInfo,
  ContentStore,
  ContentWriter,
  IngestStatus,
  ReadRange,
  WriterRequest,
} from "../../containerd/api/content.ts";
import type { Descriptor, FieldPaths, Filters } from "../../containerd/api/types.ts";
import { fromTime, required } from "../convert.ts";
import { type Caller, mask } from "./call.ts";
import { RemoteWriter } from "./content-writer.ts";

const READ_LIMIT = 8 << 20;

export class RemoteContent implements ContentStore {
  readonly #call: Caller;

  constructor(call: Caller) {
    this.#call = call;
  }

  async info(digest: Digest): Promise<ContentInfo> {
    return readInfo((await this.#call(ContentService).info({ digest })).info);
  }

  async update(info: Pick<ContentInfo, "digest" | "labels">, paths?: FieldPaths): Promise<ContentInfo> {
    const { digest, labels } = info;
    return readInfo(
      (await this.#call(ContentService).update({ info: { digest, labels }, updateMask: mask(paths) })).info,
    );
  }

  async *walk(filters: Filters = []): AsyncGenerator<ContentInfo> {
    for await (const { info } of this.#call(ContentService).list({ filters })) yield* info.map(readInfo);
  }

  async delete(digest: Digest): Promise<void> {
    await this.#call(ContentService).delete({ digest });
  }

  async *reader({ digest }: Pick<Descriptor, "digest">, range: ReadRange = {}): AsyncGenerator<Uint8Array> {
    const { offset = 0, length = 0, signal } = range;
    for await (const { data } of this.#call(ContentService).read({ digest, offset, size: length }, { signal })) {
      if (data.length > 0) yield data;
    }
  }

  async read(descriptor: Pick<Descriptor, "digest">, limit = READ_LIMIT): Promise<Uint8Array> {
    const { size } = await this.info(descriptor.digest);
    if (size > limit) {
      const message = `content ${descriptor.digest} has ${size} bytes, more than the ${limit} allowed`;
      throw new WharfError("ResourceExhausted", message);
    }
    const parts: Uint8Array[] = [];
    for await (const part of this.reader(descriptor)) parts.push(part);
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
  }

  async writer(request: WriterRequest): Promise<ContentWriter> {
    return await RemoteWriter.open(this.#call(ContentService), request);
  }

  async status(ref: string): Promise<IngestStatus> {
    return readStatus((await this.#call(ContentService).status({ ref })).status);
  }

  async listStatuses(filters: Filters = []): Promise<IngestStatus[]> {
    return (await this.#call(ContentService).listStatuses({ filters })).statuses.map(readStatus);
  }

  async abort(ref: string): Promise<void> {
    await this.#call(ContentService).abort({ ref });
  }
}

function readInfo(info: Info | undefined): ContentInfo {
  const { digest, size, createdAt, updatedAt, labels } = required(info, "info");
  return { digest: digest as Digest, size, createdAt: fromTime(createdAt), updatedAt: fromTime(updatedAt), labels };
}

function readStatus(status: Status | undefined): IngestStatus {
  const { ref, offset, total, expected, startedAt, updatedAt } = required(status, "status");
  return {
    ...{ ref, offset, total },
    expected: expected === "" ? undefined : (expected as Digest),
    startedAt: fromTime(startedAt),
    updatedAt: fromTime(updatedAt),
  };
}
