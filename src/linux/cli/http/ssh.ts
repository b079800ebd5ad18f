// A daemon on another machine, through the ssh program: the far side's docker (or wharf) hands the stream to its daemon.
import type { WharfError } from "../../../common/errors.ts";
import { close, dup3, exists, setNonblocking } from "../../sys/fs.ts";
import { clearSignalMask } from "../../sys/loop.ts";
import { stderr } from "../../sys/out.ts";
import { environment, exec, exit, fork } from "../../sys/process.ts";
import { socketPair } from "../../sys/socket.ts";

export interface SshTarget {
  readonly kind: "ssh";
  readonly user: string;
  readonly host: string;
  readonly port: string;
  /** The daemon's socket over there, where it is not the usual one. */
  readonly path: string;
}

/** `user@host:port/path/to/docker.sock`; only the host is needed. */
export function parseSsh(rest: string, fail: (why: string, hint?: string) => WharfError): SshTarget {
  const match = /^(?:([^@:/\s]+)@)?(\[[0-9a-fA-F:.%]+\]|\w[\w.-]*)(?::(\d{1,5}))?(\/.*)?$/.exec(rest);
  if (!match) throw fail("it is not ssh://user@host:port", "for example ssh://me@server");
  const [, user = "", host = "", port = "", path = ""] = match;
  if (user.startsWith("-")) throw fail("a user's name does not begin with -");
  return { kind: "ssh", user, host: host.replace(/^\[|\]$/g, ""), port, path: path === "/" ? "" : path };
}

export function formatSsh({ user, host, port, path }: SshTarget): string {
  const name = host.includes(":") ? `[${host}]` : host;
  return `ssh://${user === "" ? "" : `${user}@`}${name}${port === "" ? "" : `:${port}`}${path}`;
}

/** The arguments of ssh. */
export function sshArguments({ user, host, port, path }: SshTarget): string[] {
  const options = ["-o", "ConnectTimeout=30", "-T"];
  if (user !== "") options.push("-l", user);
  if (port !== "") options.push("-p", port);
  // The far side's shell reads it: a path is quoted for it.
  const where = path === "" ? [] : ["--host", `'unix://${path.replaceAll("'", "'\\''")}'`];
  return [...options, "--", host, "docker", ...where, "system", "dial-stdio"];
}

/** Starts ssh; the descriptor (nonblocking) is its stdin and stdout. What it says itself goes to our stderr. */
export function connectSsh(target: SshTarget): number {
  const [ours, theirs] = socketPair();
  if (fork() === 0) {
    clearSignalMask();
    dup3(theirs, 0);
    dup3(theirs, 1);
    const env = environment();
    for (const dir of (env.get("PATH") ?? "/usr/local/bin:/usr/bin:/bin").split(":")) {
      const program = `${dir || "."}/ssh`;
      if (!exists(program)) continue;
      try {
        exec(
          program,
          ["ssh", ...sshArguments(target)],
          [...env].map(([name, value]) => `${name}=${value}`),
        );
      } catch {
        // the next folder
      }
    }
    stderr("wharf: the program ssh is not there\n");
    exit(127);
  }
  close(theirs);
  setNonblocking(ours);
  return ours;
}
