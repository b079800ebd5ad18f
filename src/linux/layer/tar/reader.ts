// Reads a tar: entry after entry, with extended headers applied, and each one's data straight out of the source's memory.
import { type Entry, type EntryType, malformed, TYPE, truncated } from "./entry.ts";
import { BLOCK, emptyHeader, isZeroBlock, parseHeader, type RawHeader } from "./header.ts";
import { decodeName } from "./names.ts";
import { MAX_EXTENDED, type Pax, parsePax, paxExtents } from "./pax.ts";
import type { TarSource } from "./source.ts";
import { checkExtents, readGnuSparse, readSparseMap } from "./sparse.ts";

/** Data is handed on in pieces of at least this size where the entry has as much. */
const PIECE = 256 << 10;

const TYPES: Record<number, EntryType> = {
  0: "file",
  [TYPE.file]: "file",
  [TYPE.contiguous]: "file",
  [TYPE.gnuSparse]: "file",
  [TYPE.link]: "link",
  [TYPE.symlink]: "symlink",
  [TYPE.char]: "char",
  [TYPE.block]: "block",
  [TYPE.dir]: "dir",
  [TYPE.fifo]: "fifo",
};

function emptyEntry(): Entry {
  return {
    type: "file",
    name: "",
    linkName: "",
    mode: 0,
    uid: 0,
    gid: 0,
    size: 0,
    stored: 0,
    mtime: 0,
    mtimeNs: 0,
    devMajor: 0,
    devMinor: 0,
    xattrs: undefined,
    sparse: undefined,
  };
}

function applyPax(pax: Pax, entry: Entry): void {
  entry.linkName = pax.linkpath ?? entry.linkName;
  entry.uid = pax.uid ?? entry.uid;
  entry.gid = pax.gid ?? entry.gid;
  if (pax.mtime !== undefined) {
    entry.mtime = pax.mtime;
    entry.mtimeNs = pax.mtimeNs ?? 0;
  }
  entry.xattrs = pax.xattrs;
}

/** Takes `length` bytes at `address`, which belong at `offset` of the file. */
export type Sink = (address: number, length: number, offset: number) => void;

export class TarReader {
  readonly #source: TarSource;
  readonly #raw: RawHeader = emptyHeader();
  readonly #entry: Entry = emptyEntry();
  /** Of the current entry's data: bytes not yet read, and what pads them to a block. */
  #left = 0;
  #padding = 0;
  #done = false;

  constructor(source: TarSource) {
    this.#source = source;
  }

  /** Skips `count` bytes, however many. */
  #skip(count: number, where?: string): void {
    const source = this.#source;
    for (let left = count; left > 0; ) {
      if (source.have === 0 && source.need(1) === 0) throw truncated(where ?? JSON.stringify(this.#entry.name));
      const n = Math.min(left, source.have);
      source.skip(n);
      left -= n;
    }
  }

  /** Parses the body of an extended header, which is a range of the source's memory: it is gone as soon as it is skipped. */
  #extended<T>(size: number, what: string, parse: (bytes: Uint8Array, at: number, end: number) => T): T {
    if (size > MAX_EXTENDED - BLOCK) throw malformed(`${what} of ${size} bytes`);
    const padded = Math.ceil(size / BLOCK) * BLOCK;
    if (this.#source.need(padded) < padded) throw truncated(what);
    const { bytes, at } = this.#source;
    const parsed = parse(bytes, at, at + size);
    this.#source.skip(padded);
    return parsed;
  }

  /** A GNU long name: up to the first NUL. */
  #longName(size: number): string {
    return this.#extended(size, "a long name", (bytes, at, end) => {
      const nul = bytes.indexOf(0, at);
      return decodeName(bytes, at, (nul >= 0 && nul < end ? nul : end) - at);
    });
  }

  /** Positions at the next header block; false at the archive's end: two blocks of zeros, or simply no more bytes. */
  #atHeader(): boolean {
    const source = this.#source;
    const have = source.have >= BLOCK ? source.have : source.need(BLOCK);
    if (have === 0) return false;
    if (have < BLOCK) throw truncated("a header");
    if (source.bytes[source.at] !== 0 || !isZeroBlock(source.bytes, source.at)) return true;
    source.skip(BLOCK);
    if (source.need(BLOCK) >= BLOCK && !isZeroBlock(source.bytes, source.at)) {
      throw malformed("a block of zeros where a header belongs");
    }
    return false;
  }

  /** The next entry, or undefined at the end; the object is the same each time. Data of the last one that nobody read is skipped. */
  next(): Entry | undefined {
    if (this.#done) return undefined;
    if (this.#left + this.#padding > 0) this.#skip(this.#left + this.#padding);
    this.#left = this.#padding = 0;
    const raw = this.#raw;
    let pax: Pax | undefined;
    let longName: string | undefined;
    let longLink: string | undefined;
    for (;;) {
      if (!this.#atHeader()) {
        if (pax || longName !== undefined || longLink !== undefined) throw truncated("an extended header");
        this.#done = true;
        return undefined;
      }
      parseHeader(this.#source, this.#source.at, raw);
      if (raw.size < 0) throw malformed("a negative size");
      switch (raw.type) {
        case TYPE.pax:
        case TYPE.solarisPax: {
          this.#source.skip(BLOCK);
          const before: Pax = pax ?? {};
          pax = this.#extended(raw.size, "a PAX header", (bytes, at, end) => parsePax(bytes, at, end, before));
          break;
        }
        case TYPE.global:
          // says something of all that follow; nobody writes anything there that matters to a file (git: the commit's id)
          this.#source.skip(BLOCK);
          this.#skip(Math.ceil(raw.size / BLOCK) * BLOCK, "a global PAX header");
          break;
        case TYPE.gnuLongName:
          this.#source.skip(BLOCK);
          longName = this.#longName(raw.size);
          break;
        case TYPE.gnuLongLink:
          this.#source.skip(BLOCK);
          longLink = this.#longName(raw.size);
          break;
        default:
          return this.#build(pax, longName, longLink);
      }
    }
  }

  #build(pax: Pax | undefined, longName: string | undefined, longLink: string | undefined): Entry {
    const raw = this.#raw;
    const type = TYPES[raw.type];
    const name = pax?.sparseName ?? pax?.path ?? longName ?? raw.name;
    if (!type) {
      throw malformed(`${JSON.stringify(name)} has the unknown type ${JSON.stringify(String.fromCharCode(raw.type))}`);
    }
    if (name.includes("\0")) throw malformed("a name with a NUL byte");
    const stored = type === "file" ? (pax?.size ?? raw.size) : 0;
    const entry = this.#entry;
    entry.type = type;
    entry.name = name;
    entry.linkName = longLink ?? raw.linkName;
    entry.mode = raw.mode & 0o7777;
    entry.uid = raw.uid;
    entry.gid = raw.gid;
    entry.size = entry.stored = stored;
    entry.mtime = raw.mtime;
    entry.mtimeNs = 0;
    entry.devMajor = raw.devMajor;
    entry.devMinor = raw.devMinor;
    entry.xattrs = entry.sparse = undefined;
    if (pax) applyPax(pax, entry);
    if (type === "file") this.#data(entry, pax);
    else this.#source.skip(BLOCK);
    return entry;
  }

  /** Finds out where the file's data is, and goes there. */
  #data(entry: Entry, pax: Pax | undefined): void {
    const total = entry.stored;
    let taken = 0;
    if (this.#raw.type === TYPE.gnuSparse) {
      const { extents, size } = readGnuSparse(this.#source);
      entry.sparse = extents;
      entry.size = size;
    } else {
      this.#source.skip(BLOCK);
      if (pax?.sparseMajor !== undefined && pax.sparseMajor > 0) {
        if (pax.sparseMajor !== 1 || (pax.sparseMinor ?? 0) !== 0) throw malformed("an unknown sparse format");
        const map = readSparseMap(this.#source, total);
        entry.sparse = map.extents;
        taken = map.taken;
      } else if (pax) {
        entry.sparse = paxExtents(pax);
      }
      if (entry.sparse) entry.size = pax?.sparseSize ?? entry.size;
      // v7 marks a directory by a slash at its end
      else if (entry.name.endsWith("/")) entry.type = "dir";
    }
    entry.stored = total - taken;
    if (entry.sparse) checkExtents(entry.sparse, entry.size, entry.stored);
    this.#left = entry.stored;
    this.#padding = (BLOCK - (total % BLOCK)) % BLOCK;
  }

  /** Hands the current entry's data to `sink`, in order. Holes are left out. */
  data(sink: Sink): void {
    const sparse = this.#entry.sparse;
    if (!sparse) this.#run(0, this.#left, sink);
    else for (const { offset, length } of sparse) this.#run(offset, length, sink);
  }

  #run(offset: number, length: number, sink: Sink): void {
    const source = this.#source;
    for (let left = length; left > 0; ) {
      const want = Math.min(left, PIECE);
      const have = source.have >= want ? source.have : source.need(want);
      if (have === 0) throw truncated(JSON.stringify(this.#entry.name));
      const n = Math.min(left, have);
      sink(source.address + source.at, n, offset);
      source.skip(n);
      offset += n;
      left -= n;
      this.#left -= n;
    }
  }

  /** Reads whatever follows the archive's end. */
  drain(): void {
    while (this.#source.need(1) > 0) this.#source.skip(this.#source.have);
  }
}
