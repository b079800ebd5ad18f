// Starting the daemon: found beside our own program, detached, with a log file, and awaited until it answers.
import { WharfError } from "../../../common/errors.ts";
import { dirname, join } from "../../../common/path.ts";
import { isErrno } from "../../sys/call.ts";
import {
  close,
  dup3,
  exists,
  Fd,
  mkdirs,
  O,
  open,
  pipe,
  read,
  readlink,
  readText,
  statIfThere,
  write,
} from "../../sys/fs.ts";
import { clearSignalMask, loop } from "../../sys/loop.ts";
import { NR } from "../../sys/nr.ts";
import { exec, exit, fork, wait } from "../../sys/process.ts";
import { monotonicMs } from "../../sys/time.ts";
import type { Cli } from "../cli.ts";
import { Api } from "../http/api.ts";
import { connectTo, nobodyListens } from "../http/endpoint.ts";
import { configOf, logOf, rootOf, socketOf, stateOf } from "./places.ts";

export interface Places {
  readonly root: string;
  readonly state: string;
  readonly config: string;
}

const PATIENCE_MS = 30_000;
const LOG_TAIL_LINES = 12;

/** The daemon's program: WHARFD, or the one beside our own. */
function program(env: ReadonlyMap<string, string>): string {
  const chosen = env.get("WHARFD");
  const path = chosen || join(dirname(readlink("/proc/self/exe")), "wharfd");
  if (exists(path)) return path;
  throw new WharfError("NotFound", `the daemon's program ${JSON.stringify(path)} is not there`, {
    hint: chosen ? "WHARFD names it" : "build it: npm run build",
  });
}

/** The last lines of a log from `offset` on. */
function logTail(path: string, offset: number): string {
  try {
    const lines = native
      .utf8(native.bytes(readText(path)).subarray(offset))
      .trimEnd()
      .split("\n");
    return lines.slice(-LOG_TAIL_LINES).join("\n");
  } catch {
    return "";
  }
}

/** Starts the program in a session of its own; its parent is init. Returns when it was executed, or throws why not. */
function launch(path: string, args: readonly string[], env: readonly string[], log: number): number {
  const [reader, writer] = pipe();
  using answers = new Fd(reader);
  const child = fork();
  if (child === 0) {
    native.syscall(NR.setsid);
    const grandchild = fork();
    if (grandchild > 0) exit(0);
    try {
      clearSignalMask();
      native.syscall(NR.chdir, "/");
      dup3(open("/dev/null", O.RDONLY), 0);
      dup3(log, 1);
      dup3(log, 2);
      write(writer, new Uint8Array(new Int32Array([native.syscall(NR.getpid)]).buffer));
      exec(path, args, env);
    } catch (error) {
      write(writer, native.bytes(error instanceof Error ? error.message : String(error)));
      exit(127);
    }
  }
  close(writer);
  wait(child);
  const answer = new Uint8Array(1024);
  let length = 0;
  for (let n = read(answers.value, answer); n > 0; n = read(answers.value, answer.subarray(length))) length += n;
  if (length > 4)
    throw new WharfError("Internal", native.utf8(answer, 4, length - 4), { operation: "start the daemon" });
  return new DataView(answer.buffer).getInt32(0, true);
}

function alive(pid: number): boolean {
  return native.syscall(NR.kill, pid, 0) !== -3;
}

/**
 * Starts a daemon and waits until it answers. Several callers at once start one: the daemon's own lock lets the others
 * fail, and they find the first one's socket.
 */
export async function startDaemon(
  env: ReadonlyMap<string, string>,
  places: Places,
  more: readonly string[] = [],
): Promise<number> {
  const path = program(env);
  mkdirs(places.state, 0o711);
  const logPath = logOf(places.state);
  using log = new Fd(open(logPath, O.WRONLY | O.CREAT | O.APPEND, 0o640));
  const offset = statIfThere(logPath)?.size ?? 0;
  const args = [path, "--root", places.root, "--state", places.state, "--config", places.config, ...more];
  const pid = launch(
    path,
    args,
    [...env].filter(([name]) => name !== "TRACEPARENT").map(([k, v]) => `${k}=${v}`),
    log.value,
  );
  const endpoint = { kind: "unix", path: join(places.state, "docker.sock") } as const;
  const end = monotonicMs() + PATIENCE_MS;
  let pause = 2;
  while (monotonicMs() < end) {
    try {
      close(await connectTo(endpoint));
      using api = new Api({ endpoint });
      await api.call("GET", "/_ping");
      return pid;
    } catch (error) {
      if (!nobodyListens(error) && !isErrno(error, "EAGAIN")) throw error;
    }
    if (!alive(pid)) {
      const tail = logTail(logPath, offset);
      throw new WharfError("Unavailable", `the daemon ended before it answered${tail ? `:\n${tail}` : ""}`, {
        hint: `its log is ${logPath}`,
      });
    }
    await loop().sleep(pause);
    pause = Math.min(pause * 1.5, 50);
  }
  const tail = logTail(logPath, offset);
  throw new WharfError(
    "DeadlineExceeded",
    `the daemon (pid ${pid}) did not answer within ${PATIENCE_MS / 1000} s${tail ? `:\n${tail}` : ""}`,
    {
      hint: `it may still be starting; its log is ${logPath}`,
    },
  );
}

/** Starts our own daemon for a command that needs it. */
export async function ensureDaemon(cli: Cli): Promise<boolean> {
  if (cli.env.get("WHARF_AUTOSTART") === "0") return false;
  const state = stateOf(cli.env);
  if (native.syscall(NR.geteuid) !== 0) {
    throw new WharfError("PermissionDenied", `no daemon runs at ${socketOf(cli.env)}, and only root can start it`, {
      hint: "run 'sudo wharf daemon start'",
    });
  }
  if (cli.isTerminal(2)) cli.err("starting the daemon …");
  try {
    await startDaemon(cli.env, { root: rootOf(cli.env), state, config: configOf(cli.env) });
  } finally {
    if (cli.isTerminal(2)) cli.err("\r\x1b[K");
  }
  return true;
}
