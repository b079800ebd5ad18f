/** Where a response's body begins and ends in the bytes of a connection (RFC 9112, 6 and 7). */

export interface BodyDecoder {
  /** The body's end shows by itself, not by the connection's. */
  readonly ends: boolean;
  /** Bytes to come at least, those of the framing included, as far as is known. */
  readonly left: number;
  /** The whole body has been seen. */
  readonly done: boolean;
  /**
   * The pieces of the body in `bytes`, as views of them. What lies behind the body's end sets `excess`. Throws an Error with a
   * code for malformed framing.
   */
  decode(bytes: Uint8Array): Uint8Array[];
  readonly excess: boolean;
}

/** A body of known length, or (infinite) one that ends with the connection. */
export class LengthBody implements BodyDecoder {
  #left: number;
  excess = false;

  constructor(length: number) {
    this.#left = length;
  }

  get ends(): boolean {
    return this.#left !== Number.POSITIVE_INFINITY;
  }

  get left(): number {
    return this.#left;
  }

  get done(): boolean {
    return this.#left === 0;
  }

  decode(bytes: Uint8Array): Uint8Array[] {
    const piece = bytes.byteLength > this.#left ? bytes.subarray(0, this.#left) : bytes;
    this.excess ||= piece !== bytes;
    this.#left -= piece.byteLength;
    return piece.byteLength > 0 ? [piece] : [];
  }
}

/** Longest line of a chunk's size with extensions, or of a trailer; bytes. */
const MAX_LINE = 4096;

/** A chunked body. */
export class ChunkedBody implements BodyDecoder {
  readonly ends = true;
  excess = false;
  #state: "size" | "data" | "data-end" | "trailer" | "done" = "size";
  #left = 0;
  #line = "";

  get left(): number {
    return this.#state === "data" ? this.#left : 1;
  }

  get done(): boolean {
    return this.#state === "done";
  }

  decode(bytes: Uint8Array): Uint8Array[] {
    const pieces: Uint8Array[] = [];
    let at = 0;
    while (at < bytes.byteLength) {
      if (this.#state === "done") {
        this.excess = true;
        break;
      }
      if (this.#state === "data") {
        const piece = bytes.subarray(at, at + this.#left);
        pieces.push(piece);
        at += piece.byteLength;
        this.#left -= piece.byteLength;
        if (this.#left === 0) this.#state = "data-end";
        continue;
      }
      const end = bytes.indexOf(10, at);
      const upTo = end < 0 ? bytes.byteLength : end;
      this.#line += Buffer.from(bytes.buffer, bytes.byteOffset + at, upTo - at).toString("latin1");
      if (this.#line.length > MAX_LINE) throw malformed("a line is too long");
      if (end < 0) break;
      at = end + 1;
      this.#take(this.#line.replace(/\r$/, ""));
      this.#line = "";
    }
    return pieces;
  }

  #take(line: string): void {
    if (this.#state === "data-end") {
      if (line !== "") throw malformed("a chunk is longer than it says");
      this.#state = "size";
    } else if (this.#state === "trailer") {
      if (line === "") this.#state = "done";
    } else {
      const size = /^([0-9a-fA-F]{1,12})[ \t]*(?:;.*)?$/.exec(line);
      if (!size) throw malformed("a chunk has no size");
      this.#left = Number.parseInt(size[1]!, 16);
      this.#state = this.#left === 0 ? "trailer" : "data";
    }
  }
}

function malformed(text: string): Error {
  return Object.assign(new Error(`the answer's chunks are malformed: ${text}`), { code: "HPE_INVALID_CHUNK_SIZE" });
}
