// What CNI needs of the machine: plugins are programs that get their configuration on stdin and answer on stdout; results are kept as files.
import type { CniHost, Ended } from "../../common/cni/client.ts";
import { join } from "../../common/path.ts";
import { sys } from "../sys/call.ts";
import {
  close,
  dup3,
  exists,
  Fd,
  mkdirs,
  O,
  pipe,
  readAll,
  readDir,
  readText,
  unlinkIfThere,
  writeAll,
  writeFileAtomic,
} from "../sys/fs.ts";
import { clearSignalMask } from "../sys/loop.ts";
import { NR } from "../sys/nr.ts";
import { environment, exec, exit, fork, wait } from "../sys/process.ts";

/** Where libcni keeps results, too. */
const CACHE = "/var/lib/cni/results";
const MFD_CLOEXEC = 1;
const CLOSE_RANGE_CLOEXEC = 4;

/** An unnamed file, so that nobody has to wait for anybody: what is not read is simply left in it. */
function unnamed(content: string): number {
  const fd = sys("memfd_create", undefined, NR.memfd_create, "cni", MFD_CLOEXEC);
  writeAll(fd, content);
  sys("lseek", undefined, NR.lseek, fd, 0, 0);
  return fd;
}

function run(program: string, stdin: string, env: Readonly<Record<string, string>>): Ended {
  using input = new Fd(unnamed(stdin));
  using words = new Fd(unnamed(""));
  const [reader, writer] = pipe(O.CLOEXEC);
  using output = new Fd(reader);
  const pid = fork();
  if (pid === 0) {
    try {
      clearSignalMask();
      dup3(input.value, 0);
      dup3(writer, 1);
      dup3(words.value, 2);
      native.syscall(NR.close_range, 3, 0xffffffff, CLOSE_RANGE_CLOEXEC);
      const all = { ...Object.fromEntries(environment()), ...env };
      exec(
        program,
        [program],
        Object.entries(all).map(([name, value]) => `${name}=${value}`),
      );
    } catch (error) {
      writeAll(2, (error as Error).message);
    }
    exit(127);
  }
  close(writer);
  const stdout = native.utf8(readAll(output.value));
  const { status, signal } = wait(pid)!;
  sys("lseek", undefined, NR.lseek, words.value, 0, 0);
  return { status: signal === 0 ? status : 128 + signal, stdout, stderr: native.utf8(readAll(words.value)) };
}

/** `cache`: the folder of the results. */
export function cniHost(cache = CACHE): CniHost {
  return {
    find: (type, folders) => folders.map((folder) => join(folder, type)).find((path) => exists(path)),
    run,
    load: (name) => (exists(join(cache, name)) ? readText(join(cache, name)) : undefined),
    keep: (name, text) => {
      mkdirs(cache, 0o700);
      writeFileAtomic(join(cache, name), text, 0o600);
    },
    forget: (name) => unlinkIfThere(join(cache, name)),
    kept: () => (exists(cache) ? readDir(cache).map(({ name }) => name) : []),
  };
}
