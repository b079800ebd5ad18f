// Memory for data in transit, shared by all streams of the shim since nothing stays in it: a small buffer, and
// a big one outside the engine's heap that is given back when no stream was busy for a moment.
import { sys } from "../../sys/call.ts";
import { Fd, O, open, read, readAll } from "../../sys/fs.ts";
import { loop } from "../../sys/loop.ts";
import { NR } from "../../sys/nr.ts";

export const SMALL = 4096;
/** What a pipe holds, and a line that had no end before. */
export const BIG = 65536 + 16384;
const KEEP_MS = 200;

const PROT_READ_WRITE = 3;
const MAP_PRIVATE_ANONYMOUS = 0x22;

let small: Uint8Array<ArrayBuffer> | undefined;
let big: Uint8Array<ArrayBuffer> | undefined;
let address = 0;
let used = false;

/** Lets go of the small buffer until it is needed again. */
export function dropSmallBuffer(): void {
  small = undefined;
}

/** 4 KiB; not to be kept beyond the current turn of the loop. */
export function smallBuffer(): Uint8Array<ArrayBuffer> {
  small ??= new Uint8Array(SMALL);
  return small;
}

/** The text of a file that is usually small (of /proc, of a cgroup), read without memory of its own. */
export function readSmall(path: string): string {
  using file = new Fd(open(path, O.RDONLY));
  const buffer = smallBuffer();
  const n = read(file.value, buffer);
  if (n < buffer.length) return native.utf8(buffer, 0, n);
  const rest = readAll(file.value);
  const whole = new Uint8Array(n + rest.length);
  whole.set(buffer);
  whole.set(rest, n);
  return native.utf8(whole);
}

/** 80 KiB; not to be kept beyond the current turn of the loop. */
export function bigBuffer(): Uint8Array<ArrayBuffer> {
  used = true;
  if (big) return big;
  address = sys("mmap", undefined, NR.mmap, 0, BIG, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0);
  big = new Uint8Array(native.view(address, BIG));
  loop().timer(KEEP_MS, release);
  return big;
}

function release(): void {
  if (used) {
    used = false;
    loop().timer(KEEP_MS, release);
    return;
  }
  big = undefined;
  native.syscall(NR.munmap, address, BIG);
}
