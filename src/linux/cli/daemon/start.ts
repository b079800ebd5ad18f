// Starting the daemon: found beside our own program, detached, with a log file, and awaited until it answers.
import { WharfError } from "../../../common/errors.ts";
import { dirname, join } from "../../../common/path.ts";
import { isErrno } from "../../sys/call.ts";
import { kernelError } from "../../sys/errno.ts";
import {
  close,
  dup3,
  exists,
  Fd,
  fstat,
  mkdirs,
  O,
  open,
  pipe,
  read,
  readFile,
  readlink,
  write,
} from "../../sys/fs.ts";
import { clearSignalMask, EPOLL, loop } from "../../sys/loop.ts";
import { NR } from "../../sys/nr.ts";
import { exec, exit, fork, pidfdOpen, wait } from "../../sys/process.ts";
import { monotonicMs } from "../../sys/time.ts";
import { Api } from "../http/api.ts";
import { connectTo, type Endpoint, nobodyListens } from "../http/endpoint.ts";
import { configOf, logOf, type Places, rootOf, socketOf, stateOf } from "./places.ts";
import { isService, startService } from "./service.ts";

/** Seconds until a daemon that does not answer is given up; WHARF_START_TIMEOUT changes it. */
const PATIENCE_S = 30;
const LOG_TAIL_LINES = 12;
const LOCK_EX_NB = 2 | 4;
const EAGAIN = 11;

/** The daemon's program: WHARFD, or the one beside our own. */
function program(env: ReadonlyMap<string, string>): string {
  const chosen = env.get("WHARFD");
  const path = chosen || join(dirname(readlink("/proc/self/exe")), "wharfd");
  if (exists(path)) return path;
  throw new WharfError("NotFound", `the daemon's program ${JSON.stringify(path)} is not there`, {
    hint: chosen ? "WHARFD names it" : "build it: npm run build",
  });
}

/** ":" and the last lines of a log from `offset` on; empty without any. */
function logTail(path: string, offset: number): string {
  try {
    const text = native.utf8(readFile(path).subarray(offset)).trimEnd();
    return text === "" ? "" : `:\n${text.split("\n").slice(-LOG_TAIL_LINES).join("\n")}`;
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

interface Life extends Disposable {
  readonly ended: boolean;
}

/** Sees the end of a process that is not our child, also while nobody has reaped it. */
function watchEnd(pid: number): Life {
  let fd: number;
  try {
    fd = pidfdOpen(pid);
  } catch (error) {
    if (!isErrno(error, "ESRCH")) throw error;
    return { ended: true, [Symbol.dispose]: () => undefined };
  }
  let ended = false;
  const watch = loop().watch(fd, EPOLL.IN, () => {
    ended = true;
    watch[Symbol.dispose]();
  });
  return {
    get ended() {
      return ended;
    },
    [Symbol.dispose]: () => {
      watch[Symbol.dispose]();
      close(fd);
    },
  };
}

/** Only one of several callers starts the daemon; the others wait for it. Undefined when the time is up. */
async function startLock(state: string, end: number): Promise<Fd | undefined> {
  using file = new Fd(open(join(state, "start.lock"), O.RDWR | O.CREAT, 0o600));
  for (;;) {
    const answer = native.syscall(NR.flock, file.value, LOCK_EX_NB);
    if (answer === 0) return new Fd(file.release());
    if (answer !== -EAGAIN) throw kernelError("lock", join(state, "start.lock"), -answer);
    if (monotonicMs() > end) return undefined;
    await loop().sleep(10);
  }
}

/** True when a daemon answers there; throws what is not "nobody listens". */
async function answers(endpoint: Endpoint): Promise<boolean> {
  try {
    close(await connectTo(endpoint));
    using api = new Api({ endpoint });
    await api.call("GET", "/_ping");
    return true;
  } catch (error) {
    if (nobodyListens(error)) return false;
    throw error;
  }
}

function mustBeRoot(message: string): void {
  if (native.syscall(NR.geteuid) === 0) return;
  throw new WharfError("PermissionDenied", message, { hint: "run 'sudo wharf daemon start'" });
}

/** Starts a daemon and waits until it answers. Returns its process, or 0 when another caller has started it meanwhile, or systemd. */
export async function startDaemon(
  env: ReadonlyMap<string, string>,
  places: Places,
  more: readonly string[] = [],
): Promise<number> {
  mustBeRoot("only root can start the daemon");
  if (more.length === 0 && isService(places)) {
    startService();
    return 0;
  }
  const path = program(env);
  const logPath = logOf(places.state);
  const patience = Number(env.get("WHARF_START_TIMEOUT")) || PATIENCE_S;
  const end = monotonicMs() + patience * 1000;
  mkdirs(places.state, 0o711);
  using _lock = await startLock(places.state, end);
  const endpoint = { kind: "unix", path: join(places.state, "docker.sock") } as const;
  if (await answers(endpoint)) return 0;
  using log = new Fd(open(logPath, O.WRONLY | O.CREAT | O.APPEND, 0o640));
  const offset = fstat(log.value).size;
  const args = [path, "--root", places.root, "--state", places.state, ...more];
  // one that is named by a flag has to be there
  const own = new Map(env).set("WHARF_CONFIG", places.config);
  own.delete("TRACEPARENT");
  const variables = [...own].map(([name, value]) => `${name}=${value}`);
  const pid = launch(path, args, variables, log.value);
  using life = watchEnd(pid);
  for (let pause = 2; monotonicMs() < end; pause = Math.min(pause * 1.5, 50)) {
    if (await answers(endpoint)) return pid;
    if (life.ended) {
      throw new WharfError("Unavailable", `the daemon ended before it answered${logTail(logPath, offset)}`, {
        hint: `its log is ${logPath}`,
      });
    }
    await loop().sleep(pause);
  }
  const message = `the daemon (pid ${pid}) did not answer within ${patience} s${logTail(logPath, offset)}`;
  throw new WharfError("DeadlineExceeded", message, { hint: `it may still be starting; its log is ${logPath}` });
}

/** Who wants a daemon: its environment, and where it is told what takes so long. */
interface Talker {
  readonly env: ReadonlyMap<string, string>;
  isTerminal(fd: 0 | 1 | 2): boolean;
  err(text: string): void;
}

/** Starts our own daemon for a command that needs it. */
export async function ensureDaemon(cli: Talker): Promise<boolean> {
  if (cli.env.get("WHARF_AUTOSTART") === "0") return false;
  const state = stateOf(cli.env);
  mustBeRoot(`no daemon runs at ${socketOf(cli.env)}, and only root can start it`);
  if (cli.isTerminal(2)) cli.err("starting the daemon …");
  try {
    await startDaemon(cli.env, { root: rootOf(cli.env), state, config: configOf(cli.env) });
  } finally {
    if (cli.isTerminal(2)) cli.err("\r\x1b[K");
  }
  return true;
}
