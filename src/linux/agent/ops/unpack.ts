// Operation `unpack`: the blob from a file, from a file that grows, or from the connection.
import type { RequestOf, UnpackAnswer } from "../../../common/agent/protocol.ts";
import { WharfError } from "../../../common/errors.ts";
import { applyLayer, writableOf } from "../../layer/apply.ts";
import type { BlobSource } from "../../layer/pipeline.ts";
import { sys } from "../../sys/call.ts";
import { O, open } from "../../sys/fs.ts";
import { NR } from "../../sys/nr.ts";
import type { Channel } from "../channel.ts";

class FileSource implements BlobSource {
  readonly #file: number;
  #at = 0;

  constructor(path: string) {
    this.#file = open(path, O.RDONLY);
  }

  read(address: number, length: number): number {
    const n = sys("read blob", undefined, NR.pread64, this.#file, address, length, this.#at);
    this.#at += n;
    return n;
  }
}

/** Reads a file as far as the client says that it has been written. */
class GrowingSource implements BlobSource {
  readonly #file: number;
  readonly #path: string;
  readonly #channel: Channel;
  #at = 0;
  #size = 0;
  #whole = false;

  constructor(path: string, channel: Channel) {
    this.#path = path;
    this.#file = open(path, O.RDONLY);
    this.#channel = channel;
  }

  get fd(): number | undefined {
    return this.#at < this.#size || this.#whole ? undefined : this.#channel.fd;
  }

  read(address: number, length: number): number {
    while (this.#at === this.#size && !this.#whole) {
      const frame = this.#channel.receiveFrame();
      if (!frame) this.#whole = true;
      else if (frame.length !== 8)
        throw new WharfError("InvalidArgument", "agent protocol: a size of 8 bytes belongs here");
      else this.#size = Number(new DataView(frame.buffer).getBigUint64(0));
    }
    const want = Math.min(length, this.#size - this.#at);
    if (want === 0) return 0;
    const n = sys("read blob", this.#path, NR.pread64, this.#file, address, want, this.#at);
    if (n === 0) throw new WharfError("DataLoss", `blob ${JSON.stringify(this.#path)} is shorter than was said`);
    this.#at += n;
    return n;
  }
}

function sourceOf({ blob, follow }: RequestOf<"unpack">, channel: Channel): BlobSource {
  if (blob === undefined) return { fd: channel.fd, read: (address, length) => channel.receive(address, length) };
  return follow ? new GrowingSource(blob, channel) : new FileSource(blob);
}

export function unpack(request: RequestOf<"unpack">, channel: Channel): UnpackAnswer {
  const writable = writableOf(request.mounts);
  if (!writable) throw new WharfError("Unimplemented", "can unpack only into an overlay or a bind mount");
  const progress = (bytes: number): void => channel.progress({ bytes });
  return applyLayer(writable, { ...request, source: sourceOf(request, channel), progress, trace: channel.trace });
}
