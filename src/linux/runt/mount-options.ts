// The words in mounts[].options: fstab(5)'s, and those of the runtime specification (config.md#linux-mount-options).
import { WharfError } from "../../common/errors.ts";
import { MOUNT_ATTR, MS } from "../sys/mount.ts";

type Flag = readonly [set: boolean, bits: number];

const FLAGS: Readonly<Record<string, Flag>> = {
  defaults: [true, 0],
  ro: [true, MS.RDONLY],
  rw: [false, MS.RDONLY],
  nosuid: [true, MS.NOSUID],
  suid: [false, MS.NOSUID],
  nodev: [true, MS.NODEV],
  dev: [false, MS.NODEV],
  noexec: [true, MS.NOEXEC],
  exec: [false, MS.NOEXEC],
  sync: [true, MS.SYNCHRONOUS],
  async: [false, MS.SYNCHRONOUS],
  dirsync: [true, MS.DIRSYNC],
  remount: [true, MS.REMOUNT],
  mand: [true, MS.MANDLOCK],
  nomand: [false, MS.MANDLOCK],
  atime: [false, MS.NOATIME],
  noatime: [true, MS.NOATIME],
  diratime: [false, MS.NODIRATIME],
  nodiratime: [true, MS.NODIRATIME],
  relatime: [true, MS.RELATIME],
  norelatime: [false, MS.RELATIME],
  strictatime: [true, MS.STRICTATIME],
  nostrictatime: [false, MS.STRICTATIME],
  iversion: [true, MS.I_VERSION],
  noiversion: [false, MS.I_VERSION],
  silent: [true, MS.SILENT],
  loud: [false, MS.SILENT],
  lazytime: [true, MS.LAZYTIME],
  nolazytime: [false, MS.LAZYTIME],
  symfollow: [false, MS.NOSYMFOLLOW],
  nosymfollow: [true, MS.NOSYMFOLLOW],
  bind: [true, MS.BIND],
  rbind: [true, MS.BIND | MS.REC],
};

const PROPAGATION: Readonly<Record<string, number>> = {
  private: MS.PRIVATE,
  rprivate: MS.PRIVATE | MS.REC,
  shared: MS.SHARED,
  rshared: MS.SHARED | MS.REC,
  slave: MS.SLAVE,
  rslave: MS.SLAVE | MS.REC,
  unbindable: MS.UNBINDABLE,
  runbindable: MS.UNBINDABLE | MS.REC,
};

/** "rro" and the like: bits to set and to clear on the whole tree. Access times are one field: cleared, then set. */
const RECURSIVE: Readonly<Record<string, readonly [set: number, clear: number]>> = {
  rro: [MOUNT_ATTR.RDONLY, 0],
  rrw: [0, MOUNT_ATTR.RDONLY],
  rnosuid: [MOUNT_ATTR.NOSUID, 0],
  rsuid: [0, MOUNT_ATTR.NOSUID],
  rnodev: [MOUNT_ATTR.NODEV, 0],
  rdev: [0, MOUNT_ATTR.NODEV],
  rnoexec: [MOUNT_ATTR.NOEXEC, 0],
  rexec: [0, MOUNT_ATTR.NOEXEC],
  rnodiratime: [MOUNT_ATTR.NODIRATIME, 0],
  rdiratime: [0, MOUNT_ATTR.NODIRATIME],
  rrelatime: [0, MOUNT_ATTR.ATIME],
  rnorelatime: [0, MOUNT_ATTR.ATIME],
  rnoatime: [MOUNT_ATTR.NOATIME, MOUNT_ATTR.ATIME],
  ratime: [0, MOUNT_ATTR.ATIME],
  rstrictatime: [MOUNT_ATTR.STRICTATIME, MOUNT_ATTR.ATIME],
  rnostrictatime: [0, MOUNT_ATTR.ATIME],
  rnosymfollow: [MOUNT_ATTR.NOSYMFOLLOW, 0],
  rsymfollow: [0, MOUNT_ATTR.NOSYMFOLLOW],
};

/** Every word that is not the file system's own. */
export const MOUNT_OPTIONS: readonly string[] = [
  ...Object.keys(FLAGS),
  ...Object.keys(PROPAGATION),
  ...Object.keys(RECURSIVE),
  "idmap",
  "ridmap",
  "tmpcopyup",
].sort();

export interface MountOptions {
  flags: number;
  /** Flags that a word cleared: a bind mount keeps its source's flags but for these. */
  cleared: number;
  propagation: number[];
  recursive: { set: number; clear: number } | undefined;
  /** What the file system itself takes, comma separated. */
  data: string;
  tmpcopyup: boolean;
  idmap: "idmap" | "ridmap" | undefined;
}

export function parseMountOptions(words: readonly string[]): MountOptions {
  const result: MountOptions = {
    flags: 0,
    cleared: 0,
    propagation: [],
    recursive: undefined,
    data: "",
    tmpcopyup: false,
    idmap: undefined,
  };
  let flags = 0;
  let cleared = 0;
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    const flag = FLAGS[word];
    if (flag) {
      const bits = flag[1];
      if (flag[0]) {
        flags |= bits;
        cleared &= ~bits;
      } else {
        flags &= ~bits;
        cleared |= bits;
      }
    } else if (PROPAGATION[word] !== undefined) result.propagation.push(PROPAGATION[word]);
    else if (RECURSIVE[word]) {
      const [set, clear] = RECURSIVE[word];
      const before = result.recursive ?? { set: 0, clear: 0 };
      result.recursive = { set: (before.set & ~clear) | set, clear: (before.clear & ~set) | clear };
    } else if (word === "tmpcopyup") result.tmpcopyup = true;
    else if (word === "idmap" || word === "ridmap") result.idmap = word;
    else result.data = result.data === "" ? word : `${result.data},${word}`;
  }
  result.flags = flags;
  result.cleared = cleared;
  return result;
}

/** "rslave" and the like as flags of mount(2). */
export function propagationFlags(name: string): number | undefined {
  return PROPAGATION[name];
}

const ATTRIBUTE_OF: readonly (readonly [flag: number, attr: number])[] = [
  [MS.RDONLY, MOUNT_ATTR.RDONLY],
  [MS.NOSUID, MOUNT_ATTR.NOSUID],
  [MS.NODEV, MOUNT_ATTR.NODEV],
  [MS.NOEXEC, MOUNT_ATTR.NOEXEC],
  [MS.NODIRATIME, MOUNT_ATTR.NODIRATIME],
  [MS.NOSYMFOLLOW, MOUNT_ATTR.NOSYMFOLLOW],
];

/** Bits of statfs(2)'s f_flags as attributes. */
const ATTRIBUTE_OF_STATFS: readonly (readonly [flag: number, attr: number])[] = [
  [1, MOUNT_ATTR.RDONLY],
  [2, MOUNT_ATTR.NOSUID],
  [4, MOUNT_ATTR.NODEV],
  [8, MOUNT_ATTR.NOEXEC],
  [1024, MOUNT_ATTR.NOATIME],
  [2048, MOUNT_ATTR.NODIRATIME],
];
const ST_RELATIME = 4096;
const ATIME_FLAGS = MS.NOATIME | MS.NODIRATIME | MS.RELATIME | MS.STRICTATIME;
/** What a remount replaces as a whole, but for access times. */
const REPLACED = MOUNT_ATTR.RDONLY | MOUNT_ATTR.NOSUID | MOUNT_ATTR.NODEV | MOUNT_ATTR.NOEXEC | MOUNT_ATTR.NOSYMFOLLOW;
const LOCKABLE = MOUNT_ATTR.RDONLY | MOUNT_ATTR.NOSUID | MOUNT_ATTR.NODEV | MOUNT_ATTR.NOEXEC;
const ATIMES = MOUNT_ATTR.ATIME | MOUNT_ATTR.NODIRATIME;

/** The attributes of the mount that statfs(2) tells of. */
export function attributesOfStatfs(flags: number): number {
  let attributes = flags & (1024 | ST_RELATIME) ? 0 : MOUNT_ATTR.STRICTATIME;
  for (const [flag, attr] of ATTRIBUTE_OF_STATFS) if (flags & flag) attributes |= attr;
  return attributes;
}

function wordsOf(options: Pick<MountOptions, "flags" | "cleared">): { set: number; cleared: number } {
  let set = 0;
  let cleared = 0;
  for (let i = 0; i < ATTRIBUTE_OF.length; i++) {
    const [flag, attr] = ATTRIBUTE_OF[i]!;
    if (options.flags & flag) set |= attr;
    if (options.cleared & flag) cleared |= attr;
  }
  if (options.flags & MS.STRICTATIME) set |= MOUNT_ATTR.STRICTATIME;
  else if (options.flags & MS.NOATIME) set |= MOUNT_ATTR.NOATIME;
  return { set, cleared };
}

const locked = (what: string) =>
  new WharfError("PermissionDenied", `cannot change ${what}: operation not permitted in a user namespace`, {
    hint: "the host's mount has it: mount it there as the container should see it",
  });

/**
 * What a bind mount's options change of the source's attributes, as runc has it: without any, nothing; with some, the mount has
 * those and no others, but keeps its access times unless a kind of them is given: atime, diratime, norelatime and nostrictatime,
 * which only take away, leave them as they are (MS_REMOUNT of mount(2) does).
 * @param source attributes of the source where they are locked, as for all who look at it from a user namespace
 */
export function attributesOf(options: MountOptions, source?: number): { set: number; clear: number } {
  const asked = options.flags & ~(MS.BIND | MS.REC);
  if (asked === 0 && options.cleared === 0) return { set: 0, clear: 0 };
  const { set, cleared } = wordsOf(options);
  const atime = (asked & ATIME_FLAGS) !== 0;
  const clear = ((REPLACED & ~set) | (atime ? ATIMES : 0)) >>> 0;
  if (source === undefined) return { set, clear };
  if (source & cleared & LOCKABLE) throw locked("what the source is mounted with");
  if (atime && ((source ^ set) & ATIMES) !== 0) throw locked("the access times of the source");
  return { set: set & ~ATIMES, clear: clear & ~ATIMES & ~(source & LOCKABLE) };
}
