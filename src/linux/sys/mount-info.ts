// What is mounted in this process's mount namespace (man 5 proc_pid_mountinfo).
import { readProc } from "./procfs.ts";

export interface MountInfo {
  /** The folder of the file system that is shown: "/" is all of it. */
  root: string;
  mountpoint: string;
  type: string;
}

/** Blanks, newlines and backslashes are written as octal numbers. */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_all, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

/** The lines of a mountinfo file, in the order in which the mounts were made. */
export function parseMounts(text: string): MountInfo[] {
  const mounts: MountInfo[] = [];
  for (const line of text.split("\n")) {
    // optional fields end at a single dash
    const [left, right] = line.split(" - ", 2);
    const fields = left!.split(" ");
    if (right === undefined || fields.length < 6) continue;
    mounts.push({
      root: unescaped(fields[3]!),
      mountpoint: unescaped(fields[4]!),
      type: right.slice(0, right.indexOf(" ")),
    });
  }
  return mounts;
}

export function readMounts(): MountInfo[] {
  return parseMounts(readProc("self/mountinfo"));
}
