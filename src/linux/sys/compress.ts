// Streaming compression between memory addresses: gzip by igzip, zstd by libzstd. The same input gives the same output.
import { WharfError } from "../../common/errors.ts";
import type { Compression } from "../../common/oci/media-types.ts";
import type { Step } from "./decompress.ts";

export interface Compressor {
  /** Takes from `have` input bytes, puts into `room`; with `last` set the input is all there is. The object is reused. */
  step(input: number, have: number, output: number, room: number, last: boolean): Step;
  /** All output is out. */
  readonly finished: boolean;
}

/** struct isal_zstream (igzip_lib.h); native/symbols.h asserts these offsets. */
const DEFLATE = {
  size: 82384,
  nextIn: 0,
  availIn: 8,
  nextOut: 16,
  availOut: 24,
  level: 40,
  levelBufSize: 44,
  levelBuf: 48,
  endOfStream: 56,
  gzipFlag: 60,
  state: 84,
};
const IGZIP_GZIP = 1;
const ZSTATE_END = 11;
/** As small as gzip -1, in a fifth of its time; level 3 would take twice as long for 2 % less. */
const LEVEL = 2;
const LEVEL_BUFFER = 348160;

class Gzip implements Compressor {
  readonly #stream = new Uint8Array(DEFLATE.size);
  readonly #words = new Uint32Array(this.#stream.buffer);
  readonly #shorts = new Uint16Array(this.#stream.buffer);
  readonly #longs = new BigUint64Array(this.#stream.buffer);
  readonly #levelBuffer = new Uint8Array(LEVEL_BUFFER);
  readonly #deflate = native.symbol("isal_deflate");
  readonly #step: Step = { taken: 0, made: 0 };
  finished = false;

  constructor() {
    native.call(native.symbol("isal_deflate_init"), this.#stream);
    this.#words[DEFLATE.level >> 2] = LEVEL;
    this.#words[DEFLATE.levelBufSize >> 2] = LEVEL_BUFFER;
    this.#longs[DEFLATE.levelBuf >> 3] = BigInt(native.address(this.#levelBuffer));
    this.#shorts[DEFLATE.gzipFlag >> 1] = IGZIP_GZIP;
  }

  step(input: number, have: number, output: number, room: number, last: boolean): Step {
    this.#longs[DEFLATE.nextIn >> 3] = BigInt(input);
    this.#longs[DEFLATE.nextOut >> 3] = BigInt(output);
    this.#words[DEFLATE.availIn >> 2] = have;
    this.#words[DEFLATE.availOut >> 2] = room;
    this.#shorts[DEFLATE.endOfStream >> 1] = last ? 1 : 0;
    const answer = native.call(this.#deflate, this.#stream) | 0;
    if (answer !== 0) throw new WharfError("Internal", `igzip failed to compress: ${answer}`);
    this.#step.taken = have - this.#words[DEFLATE.availIn >> 2]!;
    this.#step.made = room - this.#words[DEFLATE.availOut >> 2]!;
    this.finished = this.#words[DEFLATE.state >> 2] === ZSTATE_END;
    return this.#step;
  }
}

const ZSTD_CONTINUE = 0;
const ZSTD_END = 2;
const ZSTD_COMPRESSION_LEVEL = 100;
const ZSTD_CHECKSUM_FLAG = 201;

class Zstd implements Compressor {
  readonly #stream = native.call(native.symbol("ZSTD_createCStream"));
  readonly #compress = native.symbol("ZSTD_compressStream2");
  readonly #in = new BigUint64Array(3);
  readonly #out = new BigUint64Array(3);
  readonly #step: Step = { taken: 0, made: 0 };
  finished = false;

  constructor() {
    const set = native.symbol("ZSTD_CCtx_setParameter");
    native.call(set, this.#stream, ZSTD_COMPRESSION_LEVEL, 3);
    native.call(set, this.#stream, ZSTD_CHECKSUM_FLAG, 1);
  }

  step(input: number, have: number, output: number, room: number, last: boolean): Step {
    this.#in.set([BigInt(input), BigInt(have), 0n]);
    this.#out.set([BigInt(output), BigInt(room), 0n]);
    const mode = last ? ZSTD_END : ZSTD_CONTINUE;
    const left = native.call(this.#compress, this.#stream, this.#out, this.#in, mode);
    if (native.call(native.symbol("ZSTD_isError"), left) !== 0)
      throw new WharfError("Internal", "zstd failed to compress");
    this.#step.taken = Number(this.#in[2]);
    this.#step.made = Number(this.#out[2]);
    this.finished = last && left === 0;
    return this.#step;
  }
}

export function compressor(compression: Exclude<Compression, "none">): Compressor {
  return compression === "gzip" ? new Gzip() : new Zstd();
}
