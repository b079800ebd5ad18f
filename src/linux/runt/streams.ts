// The standard streams of a container's first process.
import { dup3, Fd, fstat, O, type Stat } from "../sys/fs.ts";
import { NR } from "../sys/nr.ts";

const isNull = ({ rdevMajor, rdevMinor }: Stat) => rdevMajor === 1 && rdevMinor === 3;

/**
 * Streams that are the host's null device become the container's: what is of the host's mounts cannot be part of a checkpoint, and
 * shows paths that are not there. What is not the null device in the container is not taken for it.
 */
export function useOwnNull(): void {
  let own: Fd | undefined;
  for (let fd = 0; fd < 3; fd++) {
    if (native.syscall(NR.fcntl, fd, F_GETFD, 0) < 0 || !isNull(fstat(fd))) continue;
    if (!own) {
      const opened = native.syscall(NR.openat, -100, "/dev/null", O.RDWR | O.NOFOLLOW | O.CLOEXEC, 0);
      if (opened < 0) return;
      own = new Fd(opened);
      if (!isNull(fstat(opened))) break;
    }
    dup3(own.value, fd);
  }
  own?.[Symbol.dispose]();
}

const F_GETFD = 1;
