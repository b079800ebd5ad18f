/** Large buffers that a socket reads into, used again and again; what was read is lent out region by region. */

/** Bytes of one buffer. */
const SIZE = 512 << 10;
/** A buffer with less room than this takes no further reads; bytes. */
const ROOM = 64 << 10;
/** Idle buffers that are kept. */
const SPARE = 2;

interface Slab {
  bytes: Uint8Array;
  /** What lies before has been lent. */
  start: number;
  /** What lies behind is room. */
  end: number;
  /** Regions out on loan. */
  lent: number;
}

/** A region with what was read; `release` is called when nobody looks at it any more. */
export interface Loan {
  bytes: Uint8Array;
  release(): void;
}

export class Slabs {
  #current = fresh();
  readonly #spare: Slab[] = [];

  /** Where to read to. What the answer before pointed to stays valid until something has been read. */
  room(): Uint8Array {
    if (SIZE - this.#current.end < ROOM && this.#current.start === this.#current.end) {
      const full = this.#current;
      this.#current = this.#spare.pop() ?? fresh();
      if (full.lent === 0) this.#keep(full);
    }
    return this.#current.bytes.subarray(this.#current.end);
  }

  /** So many bytes were read into the room. */
  fill(length: number): void {
    this.#current.end += length;
  }

  /** Bytes read and not taken. */
  get filled(): number {
    return this.#current.end - this.#current.start;
  }

  /** No more can be read before what is there is taken. */
  get full(): boolean {
    return SIZE - this.#current.end < ROOM;
  }

  take(): Loan {
    const slab = this.#current;
    const bytes = slab.bytes.subarray(slab.start, slab.end);
    slab.start = slab.end;
    slab.lent++;
    let lent = true;
    const release = (): void => {
      if (!lent) return;
      lent = false;
      slab.lent--;
      if (slab.lent === 0 && slab !== this.#current) this.#keep(slab);
    };
    return { bytes, release };
  }

  /** Gives idle memory back. */
  trim(): void {
    this.#spare.length = 0;
  }

  #keep(slab: Slab): void {
    slab.start = 0;
    slab.end = 0;
    if (this.#spare.length < SPARE) this.#spare.push(slab);
  }
}

function fresh(): Slab {
  return { bytes: new Uint8Array(Buffer.allocUnsafeSlow(SIZE).buffer), start: 0, end: 0, lent: 0 };
}
