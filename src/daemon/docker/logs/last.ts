/** The last lines of what is given piece by piece. */

interface Piece {
  bytes: Buffer;
  /** Where each of its lines ends. */
  ends: number[];
}

export class LastLines {
  readonly #count: number;
  #pieces: Piece[] = [];
  #lines = 0;

  constructor(count: number) {
    this.#count = count;
  }

  /** Whole lines, which are copied; `ends` tells where each of them ends. */
  add(bytes: Buffer, ends: number[]): void {
    if (ends.length === 0) return;
    this.#pieces.push({ bytes: Buffer.from(bytes), ends });
    this.#lines += ends.length;
    while (this.#pieces.length > 0 && this.#lines - this.#pieces[0]!.ends.length >= this.#count)
      this.#lines -= this.#pieces.shift()!.ends.length;
  }

  /** Gives them away. */
  take(): Buffer[] {
    const over = this.#lines - this.#count;
    const [first, ...others] = this.#pieces;
    this.#pieces = [];
    this.#lines = 0;
    if (!first) return [];
    // The first piece alone may have more than is wanted.
    const from = over > 0 ? first.ends[over - 1]! : 0;
    return [first.bytes.subarray(from), ...others.map(({ bytes }) => bytes)];
  }
}
