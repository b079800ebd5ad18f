// A container's tar into this machine's files, for `cp` out of a container. The archive is not trusted: every path is resolved
// by the kernel below the target, links in it lead nowhere else, and no device, owner or set-user-id bit is taken over.
import { WharfError } from "../../../common/errors.ts";
import { basename, dirname } from "../../../common/path.ts";
import { writeContent } from "../../layer/content.ts";
import type { Entry } from "../../layer/tar/entry.ts";
import { TarReader } from "../../layer/tar/reader.ts";
import { PulledSource } from "../../layer/tar/source.ts";
import { sys } from "../../sys/call.ts";
import {
  AT_SYMLINK_NOFOLLOW,
  Fd,
  mkdir,
  O,
  open,
  S_IFDIR,
  S_IFMT,
  statIfThere,
  symlink,
  unlink,
} from "../../sys/fs.ts";
import { NR } from "../../sys/nr.ts";
import { openInRoot, RESOLVE } from "../../sys/openat2.ts";

/** Unpacks what `fd` has: the entry `from` becomes `into` of the folder `folder`; into "" its content lies there. */
export function unpackTree(fd: number, folder: string, from: string, into: string): void {
  using root = new Fd(open(folder, O.PATH | O.DIRECTORY));
  const reader = new TarReader(
    new PulledSource((address, length) => sys("read", undefined, NR.read, fd, address, length)),
  );
  const target = (name: string): string => {
    const parts = name.split("/").filter((part) => part !== "" && part !== ".");
    if (parts.includes("..")) throw new WharfError("DataLoss", `the archive names ${JSON.stringify(name)}`);
    if (parts[0] === from) parts.shift();
    return [into, ...parts].filter((part) => part !== "").join("/");
  };
  const folders: { path: string; mode: number }[] = [];
  for (let entry = reader.next(); entry; entry = reader.next()) {
    const path = target(entry.name);
    if (path === "") continue;
    if (unpackOne(root.value, path, entry, reader, target)) folders.push({ path, mode: entry.mode & 0o1777 });
  }
  // Those that may not be written to get so when all is in them.
  for (const { path, mode } of folders.reverse()) {
    using made = new Fd(openInRoot(root.value, path, O.RDONLY | O.DIRECTORY, RESOLVE.NO_SYMLINKS));
    sys("chmod", path, NR.fchmod, made.value, mode);
  }
}

/** True for a folder that was made. */
function unpackOne(
  root: number,
  path: string,
  entry: Entry,
  reader: TarReader,
  target: (name: string) => string,
): boolean {
  const name = basename(path);
  using parent = new Fd(openInRoot(root, path.includes("/") ? dirname(path) : ".", O.PATH | O.DIRECTORY));
  const dir = parent.value;
  const there = statIfThere(name, AT_SYMLINK_NOFOLLOW, dir);
  const isDir = there !== undefined && (there.mode & S_IFMT) === S_IFDIR;
  if (there && isDir !== (entry.type === "dir")) {
    throw new WharfError(
      "FailedPrecondition",
      isDir
        ? `cannot overwrite directory ${JSON.stringify(path)} with non-directory`
        : `cannot overwrite non-directory ${JSON.stringify(path)} with directory`,
    );
  }
  const mode = entry.mode & 0o1777;
  if (entry.type === "dir") {
    // What is there keeps its own rights.
    if (!there) mkdir(name, 0o700, dir);
    return !there;
  }
  if (there) unlink(name, 0, dir);
  if (entry.type === "symlink") symlink(entry.linkName, name, dir);
  else if (entry.type === "link") {
    const from = target(entry.linkName);
    using other = new Fd(openInRoot(root, from.includes("/") ? dirname(from) : ".", O.PATH | O.DIRECTORY));
    sys("link", path, NR.linkat, other.value, basename(from), dir, name, 0);
  } else if (entry.type === "file") {
    using file = new Fd(open(name, O.WRONLY | O.CREAT | O.EXCL, 0o600, dir));
    writeContent(entry, path, file.value, reader);
    sys("chmod", path, NR.fchmod, file.value, mode);
    const times = new BigInt64Array([
      BigInt(entry.mtime),
      BigInt(entry.mtimeNs),
      BigInt(entry.mtime),
      BigInt(entry.mtimeNs),
    ]);
    sys("set times", path, NR.utimensat, file.value, 0, times, 0);
  }
  return false;
}
