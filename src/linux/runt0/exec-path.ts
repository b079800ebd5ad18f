// Finding process.args[0] in the container: by the container's PATH, with the messages that docker and containerd know.
import { WharfError } from "../../common/errors.ts";
import { E, kernelError } from "../sys/errno.ts";
import { S_IFDIR, S_IFMT, statIfThere } from "../sys/fs.ts";
import { NR } from "../sys/nr.ts";

const X_OK = 1;
const AT_EACCESS = 0x200;
const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** 0 when it may be executed, else a negative errno. */
function executable(path: string): number {
  const there = statIfThere(path);
  if (!there) return -E.ENOENT;
  if ((there.mode & S_IFMT) === S_IFDIR) return -E.EISDIR;
  return native.syscall(NR.faccessat2, -100, path, X_OK, AT_EACCESS);
}

function refused(name: string, errno: number): WharfError {
  const cause = kernelError("stat", name, errno);
  const text =
    errno === E.ENOENT ? "no such file or directory" : errno === E.EISDIR ? "is a directory" : "permission denied";
  const code = errno === E.ENOENT ? "NotFound" : "PermissionDenied";
  return new WharfError(code, `process.args[0]: exec: ${JSON.stringify(name)}: ${text}`, {
    operation: "exec",
    subject: name,
    errno: cause.errno,
  });
}

/** The file to execute, looked for as execvp(3) does, in this process's root. */
export function findExecutable(name: string, env: readonly string[]): string {
  if (name === "") throw new WharfError("InvalidArgument", "process.args[0] is empty");
  if (name.includes("/")) {
    const answer = executable(name);
    if (answer < 0) throw refused(name, -answer);
    return name;
  }
  const path = env.find((entry) => entry.startsWith("PATH="))?.slice(5) ?? DEFAULT_PATH;
  let denied = false;
  for (const folder of path.split(":")) {
    const candidate = `${folder || "."}/${name}`;
    const answer = executable(candidate);
    if (answer === 0) return candidate;
    if (answer === -E.EACCES) denied = true;
  }
  if (denied) throw refused(name, E.EACCES);
  throw new WharfError(
    "NotFound",
    `process.args[0]: exec: ${JSON.stringify(name)}: executable file not found in $PATH`,
    {
      operation: "exec",
      subject: name,
      errno: "ENOENT",
      hint: "check the command's spelling, and that the image holds it",
    },
  );
}

/** Becomes the program. */
export function become(path: string, args: readonly string[], run: () => never): never {
  try {
    run();
  } catch (error) {
    const cause = WharfError.from(error);
    const format =
      cause.errno === "ENOEXEC"
        ? "exec format error"
        : cause.errno === "ENOENT"
          ? "no such file or directory"
          : undefined;
    throw new WharfError(
      cause.code,
      `process.args[0]: exec ${JSON.stringify(args[0] ?? path)}: ${format ?? "cannot be executed"}`,
      {
        cause,
        errno: cause.errno,
        hint: format ? "the program, or the interpreter named in its first line, does not fit this image" : undefined,
      },
    );
  }
}
