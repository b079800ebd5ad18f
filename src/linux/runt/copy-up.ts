// tmpcopyup: what the image has at a tmpfs's place is copied into it.
import { sys } from "../sys/call.ts";
import {
  AT_SYMLINK_NOFOLLOW,
  chmod,
  chown,
  Fd,
  mkdir,
  O,
  open,
  readDirFd,
  readlink,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  stat,
  symlink,
} from "../sys/fs.ts";
import { NR } from "../sys/nr.ts";

const CHUNK = 1 << 24;

/** Copies the content of one open folder into another: folders, files and symlinks with mode and owner. */
export function copyUp(from: number, to: number): void {
  for (const { name } of readDirFd(from)) {
    const { mode, uid, gid } = stat(name, AT_SYMLINK_NOFOLLOW, from);
    const kind = mode & S_IFMT;
    if (kind === S_IFDIR) {
      mkdir(name, 0o700, to);
      using inner = new Fd(open(name, O.RDONLY | O.DIRECTORY | O.NOFOLLOW, 0, from));
      using made = new Fd(open(name, O.RDONLY | O.DIRECTORY | O.NOFOLLOW, 0, to));
      copyUp(inner.value, made.value);
    } else if (kind === S_IFREG) {
      using source = new Fd(open(name, O.RDONLY | O.NOFOLLOW, 0, from));
      using made = new Fd(open(name, O.WRONLY | O.CREAT | O.EXCL, 0o600, to));
      while (sys("copy", name, NR.sendfile, made.value, source.value, 0, CHUNK) > 0) {}
    } else if (kind === S_IFLNK) symlink(readlink(name, from), name, to);
    else continue;
    chown(name, uid, gid, AT_SYMLINK_NOFOLLOW, to);
    if (kind !== S_IFLNK) chmod(name, mode & 0o7777, to);
  }
}
