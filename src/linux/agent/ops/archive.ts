// Operations `archiveStat`, `archiveGet` and `archivePut`: what `docker cp` asks. Paths are those of a process in the tree.
import type { AnswerOf, PathStat, RequestOf } from "../../../common/agent/protocol.ts";
import { WharfError } from "../../../common/errors.ts";
import { basename, dirname, join, normalize } from "../../../common/path.ts";
import { Packer, readLink } from "../../layer/pack.ts";
import { packStream } from "../../layer/packing.ts";
import { unpackBlob } from "../../layer/pipeline.ts";
import {
  AT_EMPTY_PATH,
  AT_SYMLINK_NOFOLLOW,
  type Fd,
  O,
  readlink,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  type Stat,
  stat,
  statIfThere,
} from "../../sys/fs.ts";
import type { Channel } from "../channel.ts";
import { openInTree, openTree } from "../tree.ts";

/** A path of the tree, found: its directory is open, its last part is not followed. */
interface Found extends Disposable {
  parent: Fd;
  /** "." for the root, and for a directory that was asked for with a slash at its end. */
  name: string;
  stat: Stat;
}

function missing(path: string): WharfError {
  return new WharfError("NotFound", `no such path in the container: ${JSON.stringify(path)}`, { subject: path });
}

/** Finds `path`. With a slash or `/.` at its end a link is followed and must lead to a directory, as Docker has it. */
function find(root: number, path: string): Found {
  const whole = /(^|\/)\.?$/.test(path) || normalize(`/${path}`) === "/";
  const absolute = normalize(`/${path}`);
  const parent = openInTree(root, whole ? absolute : dirname(absolute), O.PATH | O.DIRECTORY);
  const name = whole ? "." : basename(absolute);
  const of = whole ? stat("", AT_EMPTY_PATH, parent.value) : statIfThere(name, AT_SYMLINK_NOFOLLOW, parent.value);
  if (!of) {
    parent[Symbol.dispose]();
    throw missing(path);
  }
  return { parent, name, stat: of, [Symbol.dispose]: () => parent[Symbol.dispose]() };
}

/** Where the link leads, inside the tree; "" when nowhere. */
function targetOf(root: number, path: string, { parent, name }: Found): string {
  const link = readLink(parent.value, name);
  const target = link.startsWith("/") ? normalize(link) : join("/", dirname(normalize(`/${path}`)), link);
  try {
    // the kernel knows the name of what it has found, below the root's own
    using found = openInTree(root, target, O.PATH);
    const top = readlink(`/proc/self/fd/${root}`);
    const full = readlink(`/proc/self/fd/${found.value}`);
    return full === top ? "/" : full.startsWith(`${top}/`) ? full.slice(top.length) : full;
  } catch {
    return target;
  }
}

function describe(root: number, path: string, found: Found): PathStat {
  const { size, mode, mtime, mtimeNs } = found.stat;
  const isLink = (mode & S_IFMT) === S_IFLNK;
  const linkTarget = isLink ? targetOf(root, path, found) : "";
  return { name: lastPart(path), size, mode, mtime, mtimeNs, linkTarget };
}

export function archiveStat({ tree, path }: RequestOf<"archiveStat">): AnswerOf<"archiveStat"> {
  using root = openTree(tree);
  using found = find(root.value, path);
  return { stat: describe(root.value, path, found) };
}

/** As Go's filepath.Base has it: a directory's content is asked for by `/.`, and is named `.` then. */
function lastPart(path: string): string {
  return /(^|\/)\.$/.test(path) ? "." : basename(normalize(`/${path}`));
}

/** The entries are named after the last part of the path asked for; those of the root begin with a slash. */
export function archiveGet({ tree, path }: RequestOf<"archiveGet">, channel: Channel): AnswerOf<"archiveGet"> {
  using root = openTree(tree);
  using found = find(root.value, path);
  const told = describe(root.value, path, found);
  packStream({
    compression: "none",
    keep: [found.parent.value],
    send: (address, length) => channel.data(address, length),
    write(writer) {
      const packer = new Packer(writer, { overlay: false });
      if (found.name !== ".") packer.entry(found.parent.value, found.name, told.name);
      else packer.directoryTree(found.parent.value, told.name === "/" ? "/" : `${told.name}/`);
    },
  });
  return { stat: told };
}

export function archivePut(request: RequestOf<"archivePut">, channel: Channel): AnswerOf<"archivePut"> {
  const { tree, path, owner, noOverwriteDirNonDir } = request;
  using root = openTree(tree);
  using directory = openInTree(root.value, path, O.PATH);
  if ((stat("", AT_EMPTY_PATH, directory.value).mode & S_IFMT) !== S_IFDIR) {
    throw new WharfError("FailedPrecondition", `${JSON.stringify(path)} is not a directory`, { subject: path });
  }
  unpackBlob({
    target: root.value,
    // resolved once more by the confined process, whose root is the tree's
    into: normalize(`/${path}`),
    source: { fd: channel.fd, read: (address, length) => channel.receive(address, length) },
    whiteouts: "none",
    careful: true,
    unhashed: true,
    keepKinds: noOverwriteDirNonDir,
    owner,
  });
  return {};
}
