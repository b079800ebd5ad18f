// A ring of bytes in shared memory: one process writes, others read, none copies. The memory is mapped twice in a row, so that what is
// readable or writable always lies in one piece. Waiting is by futex.
import { sys } from "../sys/call.ts";
import { close } from "../sys/fs.ts";
import { NR } from "../sys/nr.ts";

const PROT_RW = 3;
const MAP_SHARED = 1;
const MAP_PRIVATE = 2;
const MAP_FIXED = 16;
const MAP_ANONYMOUS = 32;
const MAP_NORESERVE = 0x4000;
const FUTEX_WAIT = 0;
const FUTEX_WAKE = 1;
const ALL = 0x7fffffff;

/** Fields of the control page. Positions count all bytes since the start and are doubles, which processors store at once. */
const WRITTEN = 0;
const ENDED = 1;
const READ = 2;
/** 32-bit words that change whenever the writer, or a reader, has moved. */
const WRITER_BELL = 128;
const READER_BELL = 129;

/** Memory for `view`s that children made by fork share with their parent. */
function sharedMemory(length: number): number {
  return sys("mmap", length, NR.mmap, 0, length, PROT_RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

export class Ring {
  /** Bytes that fit; a power of two. */
  readonly size: number;
  readonly readers: number;
  /** Of the first byte. `bytes` is twice `size` long: its halves are the same memory. */
  readonly address: number;
  readonly bytes: Uint8Array;
  readonly #positions: Float64Array;
  readonly #bells: Int32Array;
  readonly #control: number;

  constructor(size: number, readers: number) {
    this.size = size;
    this.readers = readers;
    const file = sys("memfd_create", undefined, NR.memfd_create, "wharf-ring", 1);
    try {
      sys("ftruncate", size, NR.ftruncate, file, size);
      const flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
      this.address = sys("mmap", size, NR.mmap, 0, size * 2, 0, flags, -1, 0);
      for (const at of [this.address, this.address + size]) {
        sys("mmap", size, NR.mmap, at, size, PROT_RW, MAP_SHARED | MAP_FIXED, file, 0);
      }
    } finally {
      close(file);
    }
    this.bytes = new Uint8Array(native.view(this.address, size * 2));
    this.#control = sharedMemory(4096);
    const control = native.view(this.#control, 4096);
    this.#positions = new Float64Array(control, 0, 16);
    this.#bells = new Int32Array(control);
  }

  /** Changes a bell and wakes who waits for it. */
  #ring(bell: number): void {
    this.#bells[bell] = (this.#bells[bell]! + 1) | 0;
    native.syscall(NR.futex, this.#control + bell * 4, FUTEX_WAKE, ALL);
  }

  /** Waits until `bell` is no longer `seen`; returns early for a signal or after `ms`. */
  #wait(bell: number, seen: number, ms?: number): void {
    const timeout = ms === undefined ? 0 : new BigInt64Array([0n, BigInt(ms) * 1000000n]);
    native.syscall(NR.futex, this.#control + bell * 4, FUTEX_WAIT, seen, timeout);
  }

  get written(): number {
    return this.#positions[WRITTEN]!;
  }

  get ended(): boolean {
    return this.#positions[ENDED] === 1;
  }

  position(reader: number): number {
    return this.#positions[READ + reader]!;
  }

  /**
   * Writer: free bytes now, as far as the slowest reader's position tells, and that reader with its bell. A position is read once: which reader is
   * the slowest may change at any time, and another look at the one that was would tell of bytes that a second one has yet to read.
   * Its bell is read before it, so that a move after that ends the wait.
   */
  #free(): { free: number; reader: number; seen: number } {
    let slowest = Number.POSITIVE_INFINITY;
    let reader = 0;
    let seen = 0;
    for (let i = 0; i < this.readers; i++) {
      const bell = this.#bells[READER_BELL + i]!;
      const position = this.position(i);
      if (position >= slowest) continue;
      slowest = position;
      reader = i;
      seen = bell;
    }
    return { free: this.size - (this.written - slowest), reader, seen };
  }

  /** Writer: waits until `count` bytes are free. */
  spaceFor(count: number): void {
    for (;;) {
      const { free, reader, seen } = this.#free();
      if (free >= count) return;
      this.#wait(READER_BELL + reader, seen);
    }
  }

  /** Writer: free bytes, which begin at `writeAddress`. Waits for at least one, `ms` milliseconds at most. */
  space(ms?: number): number {
    for (let tries = 0; ; tries++) {
      const { free, reader, seen } = this.#free();
      if (free > 0 || ms === 0 || (ms !== undefined && tries > 0)) return free;
      this.#wait(READER_BELL + reader, seen, ms);
    }
  }

  get writeAddress(): number {
    return this.address + (this.written % this.size);
  }

  /** Writer: `count` bytes have been put at `writeAddress`. */
  wrote(count: number): void {
    this.#positions[WRITTEN] = this.written + count;
    this.#ring(WRITER_BELL);
  }

  /** Writer: wakes the readers although nothing was written (RingReader.follow). */
  nudge(): void {
    this.#ring(WRITER_BELL);
  }

  end(): void {
    this.#positions[ENDED] = 1;
    this.#ring(WRITER_BELL);
  }

  get bell(): number {
    return this.#bells[WRITER_BELL]!;
  }

  /** Waits for the writer's next move after it was `seen`, `ms` milliseconds at most. */
  waitForWriter(seen: number, ms?: number): void {
    this.#wait(WRITER_BELL, seen, ms);
  }

  /** Reader: has done with everything before `position`. */
  release(reader: number, position: number): void {
    this.#positions[READ + reader] = position;
    this.#ring(READER_BELL + reader);
  }
}

/** One reader's place in a ring. */
export class RingReader {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly address: number;
  readonly #ring: Ring;
  readonly #index: number;
  readonly #step: number;
  #position = 0;
  #released = 0;
  /** Of the next byte, in `bytes`. */
  at = 0;
  /** Readable bytes seen so far, from `at`. */
  have = 0;

  /** @param step bytes after which the writer is told; telling costs a system call */
  constructor(ring: Ring, index: number, step = ring.size >> 3) {
    this.#ring = ring;
    this.#index = index;
    this.#step = step;
    this.bytes = ring.bytes;
    this.view = new DataView(ring.bytes.buffer);
    this.address = ring.address;
  }

  get position(): number {
    return this.#position;
  }

  /**
   * Waits for `count` bytes (at most the ring's size) in one piece; returns how many there are, less only at the end. With `look`,
   * which is called every so many ms while waiting, a reader notices when its writer is in trouble.
   */
  need(count: number, look?: () => void, ms?: number): number {
    if (this.have >= count) return this.have;
    for (;;) {
      const seen = this.#ring.bell;
      const ended = this.#ring.ended;
      this.have = this.#ring.written - this.#position;
      if (this.have >= count || ended) return this.have;
      // the writer may be waiting for what we have long read
      this.publish();
      this.#ring.waitForWriter(seen, ms);
      look?.();
    }
  }

  /** Goes on by `count` bytes, which are there. */
  skip(count: number): void {
    this.#position += count;
    this.have -= count;
    this.at += count;
    if (this.at >= this.#ring.size) this.at -= this.#ring.size;
    if (this.#position - this.#released >= this.#step) this.publish();
  }

  publish(): void {
    if (this.#released === this.#position) return;
    this.#released = this.#position;
    this.#ring.release(this.#index, this.#position);
  }
}

/** Writing into a ring in pieces of any size; readers are told in larger steps. */
export class RingWriter {
  readonly bytes: Uint8Array;
  readonly address: number;
  readonly #ring: Ring;
  readonly #step: number;
  #pending = 0;

  constructor(ring: Ring, step = 64 << 10) {
    this.#ring = ring;
    this.#step = step;
    this.bytes = ring.bytes;
    this.address = ring.address;
  }

  /** Waits until `count` bytes can be written in one piece; where in `bytes`. */
  reserve(count: number): number {
    if (this.#ring.space(0) < this.#pending + count) {
      this.flush();
      this.#ring.spaceFor(count);
    }
    return this.#ring.writeAddress - this.address + this.#pending;
  }

  commit(count: number): void {
    this.#pending += count;
    if (this.#pending >= this.#step) this.flush();
  }

  flush(): void {
    if (this.#pending > 0) this.#ring.wrote(this.#pending);
    this.#pending = 0;
  }

  end(): void {
    this.flush();
    this.#ring.end();
  }
}
