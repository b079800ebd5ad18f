// Becoming the program: process.args[0] looked for as execvp(3) does, by the container's PATH, with the messages that docker
// and containerd know.
import { WharfError } from "../../common/errors.ts";
import type { Process } from "../../common/oci/runtime.ts";
import { cStringArray } from "../sys/call.ts";
import { E, kernelError } from "../sys/errno.ts";
import { Fd, fstat, O, readAll, S_IFDIR, S_IFMT, S_IFREG, statIfThere } from "../sys/fs.ts";
import { clearSignalMask } from "../sys/loop.ts";
import { NR } from "../sys/nr.ts";
import { closeRange } from "../sys/procfs.ts";

const X_OK = 1;
const AT_EACCESS = 0x200;
const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/** No errno: the program is there, but what its first lines name to run it is not. */
const NO_INTERPRETER = -1;

/** The folders in which the program may lie, in the order of the search; undefined when its name is a path. */
function folders(name: string, env: readonly string[]): string[] | undefined {
  if (name === "") throw new WharfError("InvalidArgument", "process.args[0] is empty");
  if (name.includes("/")) return undefined;
  const path = env.findLast((entry) => entry.startsWith("PATH="))?.slice(5) ?? DEFAULT_PATH;
  return path.split(":");
}

function refused(name: string, errno: number): WharfError {
  const searched = !name.includes("/");
  const details = {
    operation: "exec",
    subject: name,
    errno: kernelError("exec", name, errno === NO_INTERPRETER ? E.ENOENT : errno).errno,
  };
  const start = `process.args[0]: exec: ${JSON.stringify(name)}:`;
  if (errno === E.ENOENT && searched) {
    const hint = "check the command's spelling, and that the image holds it";
    return new WharfError("NotFound", `${start} executable file not found in $PATH`, { ...details, hint });
  }
  if (errno === E.ENOENT) return new WharfError("NotFound", `${start} no such file or directory`, details);
  // as every shell and every engine says it: a script whose interpreter is not there
  if (errno === NO_INTERPRETER) return new WharfError("NotFound", `exec ${name}: no such file or directory`, details);
  if (errno === E.EISDIR) return new WharfError("PermissionDenied", `${start} is a directory`, details);
  if (errno === E.EACCES) return new WharfError("PermissionDenied", `${start} permission denied`, details);
  if (errno === E.ENOEXEC) {
    const hint = "the program does not fit this machine";
    return new WharfError("InvalidArgument", `${start} exec format error`, { ...details, hint });
  }
  return new WharfError("Unknown", `${start} cannot be executed`, {
    ...details,
    cause: kernelError("exec", name, errno),
  });
}

/** 0 when it may be executed, else an errno. */
function executable(path: string): number {
  const there = statIfThere(path);
  if (!there) return E.ENOENT;
  if ((there.mode & S_IFMT) === S_IFDIR) return E.EISDIR;
  return mayExecute(path);
}

const mayExecute = (path: string) => -native.syscall(NR.faccessat2, -100, path, X_OK, AT_EACCESS);

/** Goes through the candidates until one does; the error is that of the last one that is more than "not there". */
function search(name: string, env: readonly string[], attempt: (path: string) => number): void {
  let worst: number = E.ENOENT;
  const searched = folders(name, env);
  if (!searched) {
    const errno = attempt(name);
    if (errno === 0) return;
    throw refused(name, errno);
  }
  for (let i = 0; i < searched.length; i++) {
    const errno = attempt(`${searched[i] || "."}/${name}`);
    if (errno === 0) return;
    if (errno === E.EACCES || errno === E.EISDIR) worst = E.EACCES;
    else if (errno !== E.ENOENT && errno !== E.ENOTDIR) throw refused(name, errno);
  }
  throw refused(name, worst);
}

/** Throws what execution would fail with, as far as can be told before. */
export function findExecutable(name: string, env: readonly string[]): void {
  search(name, env, executable);
}

/** Every name once, with the last of its values; HOME as /etc/passwd of the container has it, where none is given. */
function prepareEnvironment(given: readonly string[], uid: number): readonly string[] {
  const last = new Map<string, string>();
  for (let i = given.length - 1; i >= 0; i--) {
    const entry = given[i]!;
    const name = entry.slice(0, entry.indexOf("="));
    if (!last.has(name)) last.set(name, entry);
  }
  const known = last.get("HOME") ?? "HOME=";
  if (known === "HOME=") last.delete("HOME");
  const env = [...last.values()].reverse();
  return last.has("HOME") ? env : [...env, `HOME=${homeOf(uid)}`];
}

function homeOf(uid: number): string {
  const entry = new RegExp(`^[^:\\n]*:[^:\\n]*:${uid}:[^:\\n]*:[^:\\n]*:([^:\\n]+)`, "m");
  // there are images without users
  return entry.exec(readRegularFile("/etc/passwd") ?? "")?.[1] ?? "/";
}

/** A FIFO or a device of the image's must not hold the runtime up: only ordinary files are read. */
function readRegularFile(path: string): string | undefined {
  const fd = native.syscall(NR.openat, -100, path, O.RDONLY | O.NONBLOCK | O.NOCTTY | O.CLOEXEC, 0);
  if (fd < 0) return undefined;
  using file = new Fd(fd);
  return (fstat(file.value).mode & S_IFMT) === S_IFREG ? native.utf8(readAll(file.value)) : undefined;
}

/** The program's environment, with what is not given. To be asked for inside the container's root. */
export function environmentOf({ env, user }: Process): readonly string[] {
  return prepareEnvironment(env ?? [], user.uid);
}

/**
 * Nothing above the streams and the preserved descriptors is passed on, or open any more but what is still needed: what the caller
 * left open is not for hooks that the image provides, nor for a working folder. To be called before a seccomp filter is put on,
 * which may refuse close_range as it may anything; all that is opened here is close-on-exec.
 */
export function closeOthers(preserveFds: number, needed: readonly (number | undefined)[]): void {
  let from = 3 + preserveFds;
  for (const fd of needed.filter((one) => one !== undefined).sort((a, b) => a - b)) {
    if (fd < from) continue;
    if (fd > from) closeRange(from, fd - 1);
    from = fd + 1;
  }
  closeRange(from);
}

/** Becomes the program, in its environment as it is given. */
export function execute(args: readonly string[], env: readonly string[]): never {
  clearSignalMask();
  const name = args[0] ?? "";
  const argv = cStringArray(args);
  const envp = cStringArray(env);
  search(name, env, (path) => {
    const failed = -native.syscall(NR.execve, path, argv, envp);
    // execve says "not there" for a missing interpreter too
    return failed === E.ENOENT && mayExecute(path) === 0 ? NO_INTERPRETER : failed;
  });
  throw new WharfError("Internal", "execve returned");
}
