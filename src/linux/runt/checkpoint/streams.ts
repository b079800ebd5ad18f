// A container's standard streams, as criu is told of them: what was given to it at its creation, wherever its processes keep it now.
import { isErrno } from "../../sys/call.ts";
import {
  Fd,
  fstat,
  O,
  readDirFd,
  readlink,
  readText,
  S_IFMT,
  S_IFREG,
  type Stat,
  stat,
  writeFile,
} from "../../sys/fs.ts";
import { openProc, readProc } from "../../sys/procfs.ts";
import type { ContainerRecord } from "../state.ts";

const FILE = "descriptors.json";
/** How the name of a stream that lies outside begins. */
const OUTSIDE = "file[";
const STREAMS = [0, 1, 2];

/** Where a file lies: device and inode. */
type Place = string;
const placeOf = ({ devMajor, devMinor, ino }: Stat): Place => `${devMajor}:${devMinor}:${ino}`;

/** What this process's standard streams are, "" where one is closed. */
export function ownStreams(): Place[] {
  return STREAMS.map((fd) => {
    try {
      return placeOf(fstat(fd));
    } catch (error) {
      if (!isErrno(error, "EBADF")) throw error;
      return "";
    }
  });
}

/** Mounts that a process sees, by their numbers. */
function mountsOf(pid: number): Set<string> {
  const lines = readProc(`${pid}/mountinfo`).split("\n");
  return new Set(lines.map((line) => line.split(" ", 1)[0]!));
}

/** Ends quietly where the process, or its descriptor, has gone. */
function whileThere(work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!isErrno(error, "ENOENT", "ESRCH")) throw error;
  }
}

/**
 * The streams by the names that a restore gives others for: pipes by their links, and FIFOs and devices of the host's mounts as criu
 * names what lies outside, by mount and inode in hexadecimal; "" for one that nobody has open, or that is the container's own. A
 * shell that reads from elsewhere for a while has its own streams above 2.
 */
export function streamNames({ init, streams }: ContainerRecord, pids: readonly number[]): string[] {
  const first = init!.pid;
  const mounts = mountsOf(first);
  const names = STREAMS.map(() => "");
  const wanted = new Map<Place, number[]>();
  for (const [index, place] of (streams ?? []).entries()) {
    if (place !== "") wanted.set(place, [...(wanted.get(place) ?? []), index]);
  }
  for (const pid of new Set([first, ...pids])) {
    if (wanted.size === 0) break;
    whileThere(() => {
      using folder = new Fd(openProc(`${pid}/fd`, O.RDONLY | O.DIRECTORY));
      for (const { name: fd } of readDirFd(folder.value)) whileThere(() => look(pid, folder.value, fd));
    });
  }
  return names;

  function look(pid: number, folder: number, fd: string): void {
    const file = stat(fd, 0, folder);
    const place = placeOf(file);
    const indices = wanted.get(place);
    if (!indices) return;
    // of a file criu wants the same length
    if ((file.mode & S_IFMT) === S_IFREG) return;
    const link = readlink(fd, folder);
    const mount = /^mnt_id:\s+(\d+)/m.exec(readProc(`${pid}/fdinfo/${fd}`))?.[1];
    if (link.startsWith("/") && (mount === undefined || mounts.has(mount))) return;
    const name = link.startsWith("/") ? `${OUTSIDE}${Number(mount).toString(16)}:${file.ino.toString(16)}]` : link;
    for (const index of indices) names[index] = name;
    wanted.delete(place);
  }
}

/** What criu has to take as it is, since it lies outside. */
export function outsideStreams(names: readonly string[]): string[] {
  return [...new Set(names.filter((name) => name.startsWith(OUTSIDE)))];
}

export function keepStreams(imagePath: string, names: readonly string[]): void {
  writeFile(`${imagePath}/${FILE}`, JSON.stringify(names), 0o600);
}

/** Pipes, and what lay outside, that were the standard streams are ours now, by the name that criu knows them by. */
export function inheritedStreams(imagePath: string): { key: string; fd: number }[] {
  const names = JSON.parse(readText(`${imagePath}/${FILE}`)) as string[];
  return names.flatMap((key, fd) => {
    const given = key.includes("pipe:") || key.startsWith(OUTSIDE);
    // one of several is enough
    return given && names.indexOf(key) === fd ? [{ key, fd }] : [];
  });
}
