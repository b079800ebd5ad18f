// Where a tar reader's bytes come from: a window of memory over a stream. RingReader is one; this file has those over descriptors.
import { WharfError } from "../../../common/errors.ts";

/** Memory that an archive passes through. */
export interface TarMemory {
  readonly bytes: Uint8Array;
  /** Over the same memory. */
  readonly view: DataView;
  /** Of bytes[0], for system calls that write straight out of it. */
  readonly address: number;
}

/** A stream seen through memory: `bytes[at]` is the next byte, `have` are known to be readable there. */
export interface TarSource extends TarMemory {
  readonly at: number;
  readonly have: number;
  /** Waits for `count` bytes in one piece (at most a mebibyte); returns how many there are, less only at the stream's end. */
  need(count: number): number;
  /** Goes on by `count` bytes, which are there. */
  skip(count: number): void;
}

const MAX_NEED = 1 << 20;

/** Reads at most `length` bytes to `address`; 0 at the end. */
export type Pull = (address: number, length: number) => number;

/** A source over anything that can be read in pieces. */
export class PulledSource implements TarSource {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly address: number;
  readonly #pull: Pull;
  #ended = false;
  at = 0;
  have = 0;

  constructor(pull: Pull, size = 2 * MAX_NEED) {
    this.bytes = new Uint8Array(size);
    this.view = new DataView(this.bytes.buffer);
    this.address = native.address(this.bytes);
    this.#pull = pull;
  }

  need(count: number): number {
    if (count > this.bytes.length) throw new WharfError("Internal", `a tar source cannot hold ${count} bytes`);
    while (this.have < count && !this.#ended) {
      if (this.at + count > this.bytes.length) {
        this.bytes.copyWithin(0, this.at, this.at + this.have);
        this.at = 0;
      }
      const end = this.at + this.have;
      const n = this.#pull(this.address + end, this.bytes.length - end);
      if (n === 0) this.#ended = true;
      this.have += n;
    }
    return this.have;
  }

  skip(count: number): void {
    this.at += count;
    this.have -= count;
    if (this.have === 0) this.at = 0;
  }
}

/** A source over bytes in memory. */
export function bytesSource(data: Uint8Array): TarSource {
  let at = 0;
  return new PulledSource((address, length) => {
    const n = Math.min(length, data.length - at);
    new Uint8Array(native.view(address, n)).set(data.subarray(at, at + n));
    at += n;
    return n;
  });
}
