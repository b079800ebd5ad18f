// `start`: leaves a shim behind that serves the container's group, and says where it listens.
import { failpoint } from "../../common/failpoint.ts";
import { Options } from "../../common/gen/containerd/runc/options.ts";
import { isAny, unpackAny } from "../../common/protobuf/any.ts";
import { isErrno } from "../sys/call.ts";
import {
  close,
  dup3,
  mkdirs,
  O,
  open,
  read,
  readText,
  unlinkIfThere,
  writeAll,
  writeFile,
  writeFileAtomic,
} from "../sys/fs.ts";
import { resetLoop } from "../sys/loop.ts";
import { NR } from "../sys/nr.ts";
import { exit, fork, letGoOfSelf, setEnvironment, setTitle } from "../sys/process.ts";
import { closeRange } from "../sys/procfs.ts";
import { connectUnix, listenUnix, receiveFds, sendFds, socketPair } from "../sys/socket.ts";
import { groupOf, mayHaveGroup, type ShimPlace, socketPath } from "./address.ts";
import { type Bootstrap, readBootstrap } from "./bootstrap.ts";
import { joinExisting } from "./cgroup.ts";
import { SHIM } from "./flags.ts";
import { warn } from "./log.ts";
import { stateFolder } from "./runtimes.ts";
import { type ShimConfig, serve } from "./serve.ts";
import { readSpecIfThere } from "./spec.ts";

export interface StartOptions {
  namespace: string;
  id: string;
  bundle: string;
  address: string;
  ttrpcAddress: string;
  debug: boolean;
  /** Where spans are recorded; by default the daemon's folder for them. */
  traces?: string | undefined;
  /** What stdin held. */
  stdin: Uint8Array;
}

/** What a shim shows that was forked before anybody knew whose it would be: its command line, and its environment. */
export interface Identity {
  args: readonly string[];
  env: readonly string[];
}

/** What it is told when it hatches. */
interface Egg {
  config: ShimConfig;
  identity?: Identity | undefined;
}

const AF_FDCWD = -100;

/**
 * Forks the later shim before anything else is done: it inherits clean memory, not what is left of reading the bundle. It waits
 * for its configuration and its listening socket, and ends when there are none (another shim serves the group).
 */
export class Embryo {
  readonly pid: number;
  readonly #channel: number;

  /** `born` is called in the new process, with the one descriptor that it needs. */
  constructor(born: (channel: number) => void = () => {}) {
    const [ours, theirs] = socketPair();
    this.#channel = ours;
    try {
      this.pid = fork();
    } catch (error) {
      close(ours);
      close(theirs);
      throw error;
    }
    if (this.pid !== 0) {
      close(theirs);
      return;
    }
    try {
      close(ours);
      letGoOfSelf();
      born(theirs);
      beShim(theirs);
    } catch {
      exit(1);
    }
  }

  /** It becomes a shim with this configuration. */
  hatch(egg: Egg, listener: number): void {
    const text = native.bytes(JSON.stringify(egg));
    sendFds(this.#channel, new Uint8Array(new Uint32Array([text.length]).buffer), [listener]);
    writeAll(this.#channel, text);
    close(this.#channel);
    close(listener);
  }

  /** It is not needed. */
  drop(): void {
    close(this.#channel);
  }
}

/** Waits for what hatch() sends; ends the process when it is dropped instead. */
function receiveEgg(channel: number): Egg & { listener: number } {
  const length = new Uint32Array(1);
  const { fds } = receiveFds(channel, new Uint8Array(length.buffer), 1);
  const listener = fds[0];
  if (listener === undefined) exit(0);
  const text = new Uint8Array(length[0]!);
  for (let at = 0; at < text.length; ) {
    const n = read(channel, text.subarray(at));
    // who was about to tell it has been killed
    if (n === 0) exit(1);
    at += n;
  }
  return { ...(JSON.parse(native.utf8(text)) as Egg), listener };
}

function beShim(channel: number): never {
  failpoint("shim.born");
  native.syscall(NR.setsid);
  const { config, identity, listener } = receiveEgg(channel);
  if (identity) {
    setEnvironment(identity.env);
    setTitle(SHIM, identity.args);
  }
  failpoint("shim.hatched");
  const nothing = open("/dev/null", O.RDWR);
  for (let fd = 0; fd < 3; fd++) dup3(nothing, fd);
  // the socket is the only thing kept
  dup3(listener, 3, O.CLOEXEC);
  closeRange(4);
  native.syscall(NR.chdir, "/");
  resetLoop();
  try {
    serve(config, 3);
  } catch (error) {
    warn("the shim cannot serve", error);
    exit(1);
  }
}

/** Somebody listens there. */
function alive(path: string): boolean {
  try {
    close(connectUnix(path));
    return true;
  } catch (error) {
    if (isErrno(error, "ECONNREFUSED", "ENOENT")) return false;
    throw error;
  }
}

/** The listening socket, or undefined when a shim of the group is there already. */
function listen(path: string): number | undefined {
  for (;;) {
    try {
      const listener = listenUnix(path);
      native.syscall(NR.fchmodat, AF_FDCWD, path, 0o600);
      return listener;
    } catch (error) {
      if (!isErrno(error, "EADDRINUSE")) throw error;
    }
    if (alive(path)) return undefined;
    unlinkIfThere(path);
  }
}

/** One more than that of this process's parent: the kernel takes the shim after the container, and before the daemon. */
export function adjustOomScore(pid: number): void {
  try {
    const score = Number(readText(`/proc/${native.syscall(NR.getppid)}/oom_score_adj`));
    writeFile(`/proc/${pid}/oom_score_adj`, String(Math.min(1000, score + 1)));
  } catch {
    // not allowed inside some sandboxes; a preference, no more
  }
}

function shimCgroup(bootstrap: Bootstrap): string {
  const any = bootstrap.options;
  return any && isAny(any, Options) ? unpackAny(Options, any).shimCgroup : "";
}

function hatch(options: StartOptions, embryo: Embryo, place: ShimPlace, listener: number, identity?: Identity): void {
  const { namespace, bundle, address, ttrpcAddress, debug } = options;
  const { folder, path: socket } = place;
  const traces = options.traces ?? `${stateFolder(address)}/trace`;
  // before it is one: a daemon that is killed now finds it by this
  writeFileAtomic(`${bundle}/shim.pid`, String(embryo.pid));
  writeFileAtomic(`${bundle}/address`, `unix://${socket}`);
  const config = { namespace, address, ttrpcAddress, bundle, debug, traces, folder, socket };
  embryo.hatch({ config, identity }, listener);
}

/** Starts a shim, or finds that of the group, and answers its address. `embryo` was made while memory was clean. */
export function startShim(options: StartOptions, embryo: Embryo): string {
  const { namespace, id, bundle, address } = options;
  try {
    const bootstrap = readBootstrap(options.stdin);
    const group = groupOf(readSpecIfThere(bundle)?.annotations, id);
    const place = socketPath(address, namespace, group, bootstrap.socketDir);
    mkdirs(place.folder, 0o711);
    const listener = listen(place.path);
    if (listener === undefined) {
      embryo.drop();
      writeFileAtomic(`${bundle}/address`, `unix://${place.path}`);
    } else {
      try {
        const cgroup = shimCgroup(bootstrap);
        if (cgroup !== "") joinExisting(embryo.pid, cgroup);
        adjustOomScore(embryo.pid);
        hatch(options, embryo, place, listener);
      } catch (error) {
        unlinkIfThere(place.path);
        throw error;
      }
    }
    return `unix://${place.path}`;
  } catch (error) {
    embryo.drop();
    throw error;
  }
}

/**
 * The same for a container that nothing special is to be done for, by a shim that is there already, from a process that must not be held up. Undefined where
 * there is more to it (a group, another place, an error): nothing has been done then.
 */
export function startAtOnce(
  options: StartOptions & { alone?: boolean },
  identity: Identity,
  take: () => Embryo,
): string | undefined {
  const { namespace, id, bundle, address } = options;
  const bootstrap = readBootstrap(options.stdin);
  if (shimCgroup(bootstrap) !== "" || (!options.alone && mayHaveGroup(bundle))) return undefined;
  const place = socketPath(address, namespace, id, bootstrap.socketDir);
  mkdirs(place.folder, 0o711);
  const listener = listenUnix(place.path);
  let embryo: Embryo | undefined;
  try {
    embryo = take();
    hatch(options, embryo, place, listener, identity);
    return `unix://${place.path}`;
  } catch (error) {
    close(listener);
    unlinkIfThere(place.path);
    embryo?.drop();
    throw error;
  }
}
