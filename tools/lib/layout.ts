// Lays out a memory image by what runs touch (native/layout.h): what is written to first, then what is read, in the order of its
// first use, then the rest. What had been freed again leaves no gaps.
import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { imageKey, STRIPPED } from "./images.ts";
import { BUILD, hashFiles } from "./native.ts";

const PAGE = 4096;
/** sizeof(struct arena_root) and sizeof(struct arena_block) in native/region.h. */
const ROOT_SIZE = 2120;
const HEADER = 8;
const STEP = 16;
/** Of what is larger, a run touches parts. */
const LARGE = PAGE;

export interface Block {
  /** Its number in the order in which blocks were asked for. */
  number: number;
  cls: number;
  size: number;
  /** Where it lies, with its header. */
  at: number;
}

/** One access of a training run: the first one to a page, or the first that wrote to it. */
export interface Touch {
  page: number;
  written: boolean;
}

/** Sizes by class, as native/region.h has them. */
export function classSize(cls: number): number {
  if (cls <= 32) return cls * STEP;
  const log = 9 + Math.floor((cls - 33) / 4);
  return 2 ** log + (((cls - 33) % 4) + 1) * 2 ** (log - 2);
}

function words(file: string): Uint32Array {
  const bytes = readFileSync(file);
  return new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >> 2);
}

export function readBlocks(file: string): Block[] {
  const all = words(file);
  return Array.from({ length: all.length / 3 }, (_, i) => {
    const [number, cls, at] = all.subarray(3 * i, 3 * i + 3) as unknown as [number, number, number];
    return { number, cls, size: classSize(cls), at: at * STEP - HEADER };
  });
}

export function readTouches(file: string): Touch[] {
  const [count = 0, ...notes] = words(file);
  return notes.slice(0, count).map((note) => ({ page: note >>> 1, written: (note & 1) === 1 }));
}

/** Blocks in the order they shall have, and how many of them, from the first, are written to. */
export function arrange(blocks: readonly Block[], touches: readonly Touch[]): { order: Block[]; written: number } {
  const byPage = new Map<number, Block>();
  for (const block of blocks)
    for (let page = Math.floor(block.at / PAGE); page * PAGE < block.at + block.size; page++) byPage.set(page, block);
  const touched = new Set<Block>();
  const pagesWritten = new Map<Block, Set<number>>();
  for (const { page, written } of touches) {
    const block = byPage.get(page);
    if (!block) throw new Error(`page ${page} of the image belongs to no block`);
    touched.add(block);
    if (written) pagesWritten.set(block, (pagesWritten.get(block) ?? new Set()).add(page));
  }
  // of a large table with an entry or two changed, only those pages are copied
  const isWritten = (block: Block) => (pagesWritten.get(block)?.size ?? 0) >= Math.ceil(block.size / PAGE);
  const first = [...touched].filter(isWritten);
  const hot = [...touched].filter((block) => !isWritten(block));
  const small = hot.filter(({ size }) => size < LARGE);
  const large = hot.filter(({ size }) => size >= LARGE);
  const rest = blocks.filter((block) => !touched.has(block));
  return { order: [...first, ...small, ...large, ...rest], written: first.length };
}

/** The table of places that the host reads: number, class, place; by number, and at its end the pages that are written to. */
export function placesOf({ order, written }: ReturnType<typeof arrange>): Buffer {
  let at = ROOT_SIZE;
  let writtenEnd = at;
  const places = order.map(({ number, cls, size }, i) => {
    const place = { number, cls, at: (at + HEADER) / STEP };
    at += size;
    if (i < written) writtenEnd = at;
    return place;
  });
  places.sort((a, b) => a.number - b.number);
  places.push({ number: 0, cls: 0, at: Math.ceil(writtenEnd / PAGE) });
  return Buffer.from(new Uint32Array(places.flatMap(({ number, cls, at }) => [number, cls, at])).buffer);
}

/** Starts `name` with arguments from the sparse image, and notes what that touches. */
export type Start = (...args: string[]) => string[];

export interface Training {
  /** Stands in the name of `dir`. */
  name: string;
  /** Runs for an image to be laid out by; files that it needs go below `dir`. What fails trains less, and is no failure. */
  run: (start: Start, host: string, image: string, dir: string) => void;
  /** Removes what runs of `dir` have left, also of a build that was interrupted; `image` is one of this build's. */
  clear: (host: string, image: string, dir: string) => void;
}

const IMAGES = join(BUILD, "images");

/** Folders of this user's builds that were interrupted, of this training or of none; their names tell of which process they were. */
function abandoned(training: string): string[] {
  const over = (name: string) => {
    const [, pid, of] = /^layout-(\d+)-(\w*)-/.exec(name) ?? [];
    return pid !== undefined && (of === training || of === "") && !existsSync(`/proc/${pid}`);
  };
  const ours = (dir: string) => statSync(dir, { throwIfNoEntry: false })?.uid === process.getuid?.();
  return readdirSync(IMAGES)
    .filter(over)
    .map((name) => join(IMAGES, name))
    .filter(ours);
}

/** What cannot be removed is left to the next build: this one needs none of it. */
function remove(dir: string): void {
  try {
    rmSync(dir, { recursive: true, force: true });
  } catch (error) {
    process.stderr.write(`wharf: ${dir} is left: ${error instanceof Error ? error.message : error}\n`);
  }
}

/** The memory image of one entry module, laid out; cached by content. `files`: what else it depends on. */
export function placeImage(host: string, entry: string, files: readonly string[] = [], training?: Training): string {
  const rights = training && process.getuid?.() === 0 ? "trained" : "";
  const key = hashFiles([join(import.meta.dirname, "layout.ts"), ...files], imageKey(host, entry), rights);
  const image = join(IMAGES, `${entry.replaceAll("/", "-")}-${key}.placed`);
  if (statSync(image, { throwIfNoEntry: false })) return image;
  mkdirSync(IMAGES, { recursive: true });
  const dir = mkdtempSync(join(IMAGES, `layout-${process.pid}-${training?.name ?? ""}-`));
  try {
    const [sparse, blocks, places] = [join(dir, "sparse"), join(dir, "blocks"), join(dir, "places")];
    const snapshot = (kind: string, out: string, table: string) =>
      execFileSync(host, [`--snapshot-${kind}`, entry, out, table], { cwd: STRIPPED, stdio: ["ignore", 2, 2] });
    snapshot("sparse", sparse, blocks);
    const logs: string[] = [];
    if (training) {
      const start = (...args: string[]) => {
        logs.push(join(dir, `log${logs.length}`));
        return [host, "--train", sparse, logs.at(-1)!, ...args];
      };
      training.run(start, host, sparse, dir);
      training.clear(host, sparse, dir);
      for (const other of abandoned(training.name)) {
        training.clear(host, sparse, other);
        remove(other);
      }
    }
    const touches = logs.filter((log) => statSync(log, { throwIfNoEntry: false })).flatMap(readTouches);
    writeFileSync(places, placesOf(arrange(readBlocks(blocks), touches)));
    snapshot("placed", join(dir, "image"), places);
    renameSync(join(dir, "image"), image);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
  return image;
}
