// Files of this machine as a tar, for `cp` into a container: written by a child process into a pipe.
import { join } from "../../../common/path.ts";
import { TYPE } from "../../layer/tar/entry.ts";
import { type TarOutput, TarWriter } from "../../layer/tar/writer.ts";
import { sys } from "../../sys/call.ts";
import {
  AT_SYMLINK_NOFOLLOW,
  Fd,
  O,
  open,
  readDir,
  readlink,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  stat,
} from "../../sys/fs.ts";
import { NR } from "../../sys/nr.ts";

const BUFFER = 2 << 20;

export class PipeOutput implements TarOutput {
  readonly bytes = new Uint8Array(BUFFER);
  readonly address = native.address(this.bytes);
  readonly #fd: number;

  constructor(fd: number) {
    this.#fd = fd;
  }

  reserve(): number {
    return 0;
  }

  commit(count: number): void {
    for (let done = 0; done < count; )
      done += sys("write", undefined, NR.write, this.#fd, this.address + done, count - done);
  }
}

/** Writes `path` as `name`, with all below it. Sockets are left out, as every tar does. */
export function packTree(fd: number, path: string, name: string, follow: boolean): void {
  const writer = new TarWriter(new PipeOutput(fd));
  packOne(writer, path, name, follow);
  writer.end();
}

function packOne(writer: TarWriter, path: string, name: string, follow: boolean): void {
  const info = stat(path, follow ? 0 : AT_SYMLINK_NOFOLLOW);
  const { uid, gid, mtime, size } = info;
  const common = { mode: info.mode & 0o7777, uid, gid, mtime, size: 0 };
  const kind = info.mode & S_IFMT;
  if (kind === S_IFDIR) {
    writer.header({ ...common, type: TYPE.dir, name: `${name}/` });
    const names = readDir(path).map((entry) => entry.name);
    for (const one of names.sort()) packOne(writer, join(path, one), `${name}/${one}`, false);
  } else if (kind === S_IFLNK) {
    writer.header({ ...common, type: TYPE.symlink, name, linkName: readlink(path) });
  } else if (kind === S_IFREG) {
    using file = new Fd(open(path, O.RDONLY));
    writer.header({ ...common, type: TYPE.file, name, size });
    writer.data(size, (address, length) => sys("read", path, NR.read, file.value, address, length));
  }
}
