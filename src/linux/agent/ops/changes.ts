// Operation `changes`: what an overlay's upper directory has over the tree below it, path by path (`docker diff`).
import type { AnswerOf, RequestOf, TreeChange } from "../../../common/agent/protocol.ts";
import { openFolder, sortedEntries } from "../../layer/folder.ts";
import { readLink } from "../../layer/pack.ts";
import { cName } from "../../layer/tar/names.ts";
import { xattrOf } from "../../layer/xattrs.ts";
import {
  AT_SYMLINK_NOFOLLOW,
  close,
  Fd,
  fstat,
  O,
  open,
  S_IFCHR,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  type Stat,
  statIfThere,
} from "../../sys/fs.ts";
import type { Channel } from "../channel.ts";
import { openMounts } from "../tree.ts";

const PIECE = 32 << 10;
const OPAQUE = "trusted.overlay.opaque";

const isFolder = (of: Stat | undefined): boolean => of !== undefined && (of.mode & S_IFMT) === S_IFDIR;
const isWhiteout = (of: Stat): boolean => (of.mode & S_IFMT) === S_IFCHR && of.rdevMajor === 0 && of.rdevMinor === 0;

export function changes({ lower, upper, hidden }: RequestOf<"changes">, channel: Channel): AnswerOf<"changes"> {
  using below = lower.length > 0 ? openMounts(lower, "lower") : undefined;
  using above = new Fd(open(upper, O.RDONLY | O.DIRECTORY));
  const walk = new Walk(channel, new Set(hidden));
  walk.folder(below?.value, above.value, "");
  return { changes: walk.end() };
}

class Walk {
  readonly #channel: Channel;
  readonly #hidden: ReadonlySet<string>;
  /** The directories on the way to where the walk is. */
  readonly #above: { path: string; kind: 0 | 1; told: boolean }[] = [];
  #lines: string[] = [];
  #size = 0;
  #count = 0;

  constructor(channel: Channel, hidden: ReadonlySet<string>) {
    this.#channel = channel;
    this.#hidden = hidden;
  }

  end(): number {
    this.#flush();
    return this.#count;
  }

  /** The entries of `upper`, an open directory, against `lower`, the same one below, where there is one. */
  folder(lower: number | undefined, upper: number, prefix: string): void {
    const entries = sortedEntries(upper);
    // An opaque directory hides all that lies below it and that it does not have itself.
    if (lower !== undefined && xattrOf(upper, OPAQUE)?.[0] === 0x79) {
      const here = new Set(entries.map(({ name }) => name));
      for (const { name } of sortedEntries(lower)) if (!here.has(name)) this.#tell(`${prefix}/${name}`, 2);
    }
    for (const { name } of entries) this.#entry(lower, upper, name, `${prefix}/${name}`);
  }

  #entry(lower: number | undefined, upper: number, name: string, path: string): void {
    const is = statIfThere(cName(name) as string, AT_SYMLINK_NOFOLLOW, upper);
    if (!is) return;
    const was = lower === undefined ? undefined : statIfThere(cName(name) as string, AT_SYMLINK_NOFOLLOW, lower);
    if (isWhiteout(is)) {
      if (was) this.#tell(path, 2);
      return;
    }
    if (!isFolder(is)) {
      if (!was) {
        if (!this.#hidden.has(path)) this.#tell(path, 1);
      } else if (!same(was, is, lower!, upper, name)) this.#tell(path, 0);
      return;
    }
    const inner = openFolder(upper, name);
    if (inner === undefined) return;
    const old = isFolder(was) ? openFolder(lower!, name) : undefined;
    try {
      const changed = was !== undefined && (!isFolder(was) || attributesDiffer(was, fstat(inner)));
      const added = !was && !this.#hidden.has(path);
      this.#within(path, was ? 0 : 1, added || changed, () => this.folder(old, inner, path));
    } finally {
      if (old !== undefined) close(old);
      close(inner);
    }
  }

  /** A directory is told before what is in it, and when only that has changed, too. */
  #within(path: string, kind: 0 | 1, certain: boolean, inside: () => void): void {
    this.#above.push({ path, kind, told: false });
    if (certain) this.#tellAbove();
    inside();
    this.#above.pop();
  }

  #tellAbove(): void {
    for (const folder of this.#above) {
      if (folder.told) continue;
      folder.told = true;
      this.#write(folder.path, folder.kind);
    }
  }

  #tell(path: string, kind: TreeChange["kind"]): void {
    this.#tellAbove();
    this.#write(path, kind);
  }

  #write(path: string, kind: TreeChange["kind"]): void {
    const line = `${JSON.stringify({ path, kind })}\n`;
    this.#lines.push(line);
    this.#size += line.length;
    this.#count++;
    if (this.#size > PIECE) this.#flush();
  }

  #flush(): void {
    if (this.#size === 0) return;
    const bytes = native.bytes(this.#lines.join(""));
    this.#channel.data(native.address(bytes), bytes.length);
    this.#lines = [];
    this.#size = 0;
  }
}

function attributesDiffer(was: Stat, is: Stat): boolean {
  return was.mode !== is.mode || was.uid !== is.uid || was.gid !== is.gid;
}

/** A file that was only opened for writing has been copied up as it was. */
function same(was: Stat, is: Stat, lower: number, upper: number, name: string): boolean {
  if (attributesDiffer(was, is)) return false;
  if ((is.mode & S_IFMT) === S_IFLNK) return readLink(lower, name) === readLink(upper, name);
  return was.size === is.size && was.mtime === is.mtime && was.mtimeNs === is.mtimeNs;
}
