// Compiled filters kept by content. A profile's file is named by the SHA-256 of the profile; the folder and the files must be
// ours alone, or they are not used: somebody else's file could hold any program.
import type { LinuxSeccomp } from "../../common/oci/runtime.ts";
import { isErrno, sys } from "../sys/call.ts";
import { close, Fd, fstat, mkdirs, O, open, rename, type Stat, stat, writeAll } from "../sys/fs.ts";
import { sha256 } from "../sys/hash.ts";
import { NR } from "../sys/nr.ts";
import { compileSeccomp } from "./compile.ts";

/** Changes when a program compiled by an older build must not be used any more. */
export const VERSION = "4";
const SEEK_SET = 0;

function isOurs({ uid, mode }: Stat): boolean {
  return uid === native.syscall(NR.geteuid) && (mode & 0o022) === 0;
}

/** The name a profile's program has. Flags and listener are no part of the program. */
function nameOf({ architectures, defaultAction, defaultErrnoRet, syscalls }: LinuxSeccomp): string {
  return sha256(JSON.stringify([VERSION, defaultAction, defaultErrnoRet, architectures, syscalls]));
}

/** A cached program, open for reading; undefined when it is not there. */
export function openCached(cache: string, name: string): number | undefined {
  try {
    // who may rename in it can give one profile the program of another
    if (!isOurs(stat(cache))) return undefined;
    using file = new Fd(open(`${cache}/${name}`, O.RDONLY | O.NOFOLLOW));
    return isOurs(fstat(file.value)) ? file.release() : undefined;
  } catch (error) {
    if (isErrno(error, "ENOENT", "ELOOP", "ENOTDIR")) return undefined;
    throw error;
  }
}

/**
 * The program of a profile, open for reading at its beginning; compiled when it is not in the cache.
 * @param name what it is called there; by default made from the profile
 */
export function filterFile(
  seccomp: LinuxSeccomp,
  cache: string,
  name: string = nameOf(seccomp),
): { file: number; name: string } {
  const known = openCached(cache, name);
  if (known !== undefined) return { file: known, name };
  const program = compileSeccomp(seccomp);
  mkdirs(cache, 0o700);
  // a folder that others may write to keeps nothing: the program then lives in this descriptor alone
  const keep = isOurs(stat(cache));
  const path = `${cache}/.${name}.${native.syscall(NR.getpid)}`;
  const file = keep
    ? open(path, O.RDWR | O.CREAT | O.EXCL | O.NOFOLLOW, 0o600)
    : sys("memfd_create", undefined, NR.memfd_create, "seccomp", 1);
  try {
    writeAll(file, program);
    if (keep) rename(path, `${cache}/${name}`);
    sys("seek", file, NR.lseek, file, 0, SEEK_SET);
  } catch (error) {
    close(file);
    throw error;
  }
  return { file, name };
}
