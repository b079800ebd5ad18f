// Streaming decompression between memory addresses: gzip by igzip, zstd by libzstd. Members and frames may follow one another.
import { WharfError } from "../../common/errors.ts";
import type { Compression } from "../../common/oci/media-types.ts";

/** One step's outcome: bytes taken from the input and bytes put out. */
export interface Step {
  taken: number;
  made: number;
}

export interface Decompressor {
  /** Goes on with `have` input bytes and room for `room`; both numbers 0 when it needs more of either. The object is reused. */
  step(input: number, have: number, output: number, room: number): Step;
  /** At the input's end: DataLoss when it stops in the middle. */
  end(): void;
}

function corrupt(what: string): WharfError {
  return new WharfError("DataLoss", `corrupt layer: ${what}`, { operation: "decompress" });
}

/** What the first bytes of a blob say; four are enough. */
export function sniff(bytes: Uint8Array, at: number, have: number): Compression {
  if (have >= 3 && bytes[at] === 0x1f && bytes[at + 1] === 0x8b && bytes[at + 2] === 8) return "gzip";
  if (have >= 4 && bytes[at + 1] === 0xb5 && bytes[at + 2] === 0x2f && bytes[at + 3] === 0xfd && bytes[at] === 0x28)
    return "zstd";
  // a skippable frame: zstd:chunked layers may begin with one
  if (
    have >= 4 &&
    (bytes[at]! & 0xf0) === 0x50 &&
    bytes[at + 1] === 0x2a &&
    bytes[at + 2] === 0x4d &&
    bytes[at + 3] === 0x18
  ) {
    return "zstd";
  }
  return "none";
}

/** struct inflate_state (igzip_lib.h); native/symbols.h asserts these offsets. */
const INFLATE = { size: 87368, nextOut: 0, availOut: 8, nextIn: 16, availIn: 32, blockState: 21160, crcFlag: 21172 };
const ISAL_BLOCK_FINISH = 5;
const ISAL_GZIP = 1;
const ISAL_ERRORS: Record<number, string> = {
  [-1]: "invalid deflate block",
  [-2]: "invalid deflate symbol",
  [-3]: "deflate looks back too far",
  [-4]: "invalid gzip header",
  [-5]: "unsupported gzip method",
  [-6]: "gzip checksum mismatch",
};

class Gunzip implements Decompressor {
  readonly #state = new Uint8Array(INFLATE.size);
  readonly #words = new Uint32Array(this.#state.buffer);
  readonly #longs = new BigUint64Array(this.#state.buffer);
  readonly #inflate = native.symbol("isal_inflate");
  readonly #step: Step = { taken: 0, made: 0 };
  /** Between two members. */
  #finished = true;
  #members = 0;

  constructor() {
    native.call(native.symbol("isal_inflate_init"), this.#state);
  }

  step(input: number, have: number, output: number, room: number): Step {
    const words = this.#words;
    const step = this.#step;
    if (this.#finished) {
      if (have === 0) {
        step.taken = step.made = 0;
        return step;
      }
      native.call(native.symbol("isal_inflate_reset"), this.#state);
      words[INFLATE.crcFlag >> 2] = ISAL_GZIP;
      this.#finished = false;
      this.#members++;
    }
    this.#longs[INFLATE.nextIn >> 3] = BigInt(input);
    this.#longs[INFLATE.nextOut >> 3] = BigInt(output);
    words[INFLATE.availIn >> 2] = have;
    words[INFLATE.availOut >> 2] = room;
    const answer = native.call(this.#inflate, this.#state) | 0;
    if (answer < 0) {
      const where = this.#members > 1 ? " after the end of a member" : "";
      throw corrupt(`${ISAL_ERRORS[answer] ?? `igzip error ${answer}`}${where}`);
    }
    step.taken = have - words[INFLATE.availIn >> 2]!;
    step.made = room - words[INFLATE.availOut >> 2]!;
    // all output is out by then, and the trailer's checksum was right
    if (words[INFLATE.blockState >> 2] === ISAL_BLOCK_FINISH) this.#finished = true;
    return step;
  }

  end(): void {
    if (!this.#finished) throw corrupt("truncated gzip stream");
  }
}

class Unzstd implements Decompressor {
  readonly #stream = native.call(native.symbol("ZSTD_createDStream"));
  readonly #decompress = native.symbol("ZSTD_decompressStream");
  // ZSTD_inBuffer { src, size, pos } and ZSTD_outBuffer { dst, size, pos }
  readonly #in = new BigUint64Array(3);
  readonly #out = new BigUint64Array(3);
  readonly #step: Step = { taken: 0, made: 0 };
  #inFrame = false;

  step(input: number, have: number, output: number, room: number): Step {
    this.#in[0] = BigInt(input);
    this.#in[1] = BigInt(have);
    this.#in[2] = 0n;
    this.#out[0] = BigInt(output);
    this.#out[1] = BigInt(room);
    this.#out[2] = 0n;
    const answer = native.call(this.#decompress, this.#stream, this.#out, this.#in);
    if (native.call(native.symbol("ZSTD_isError"), answer) !== 0) {
      const name = native.call(native.symbol("ZSTD_getErrorName"), answer);
      const length = native.call(native.symbol("strnlen"), name, 200);
      throw corrupt(`zstd: ${native.utf8(native.view(name, length)).toLowerCase()}`);
    }
    this.#step.taken = Number(this.#in[2]);
    this.#step.made = Number(this.#out[2]);
    // 0: a frame has ended and all of it is out
    if (answer === 0) this.#inFrame = false;
    else if (this.#step.taken > 0 || this.#step.made > 0) this.#inFrame = true;
    return this.#step;
  }

  end(): void {
    if (this.#inFrame) throw corrupt("truncated zstd stream");
  }
}

export function decompressor(compression: Exclude<Compression, "none">): Decompressor {
  return compression === "gzip" ? new Gunzip() : new Unzstd();
}
