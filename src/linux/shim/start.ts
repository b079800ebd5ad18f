// `start`: leaves a shim behind that serves the container's group, and says where it listens.
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
import { exit, fork, letGoOfSelf } from "../sys/process.ts";
import { closeRange } from "../sys/procfs.ts";
import { connectUnix, listenUnix, receiveFds, sendFds, socketPair } from "../sys/socket.ts";
import { groupOf, socketPath } from "./address.ts";
import { type Bootstrap, readBootstrap } from "./bootstrap.ts";
import { joinCgroup } from "./cgroup.ts";
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

const AF_FDCWD = -100;

/**
 * Forks the later shim before anything else is done: it inherits clean memory, not what is left of reading the bundle. It waits
 * for its configuration and its listening socket, and ends when there are none (another shim serves the group).
 */
export class Embryo {
  readonly pid: number;
  readonly #channel: number;

  constructor() {
    const [ours, theirs] = socketPair();
    this.#channel = ours;
    this.pid = fork();
    if (this.pid !== 0) {
      close(theirs);
      return;
    }
    close(ours);
    letGoOfSelf();
    try {
      beShim(theirs);
    } catch {
      exit(1);
    }
  }

  /** It becomes a shim with this configuration. */
  hatch(config: ShimConfig, listener: number): void {
    const text = native.bytes(JSON.stringify(config));
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
function receiveConfig(channel: number): { config: ShimConfig; listener: number } {
  const length = new Uint32Array(1);
  const { fds } = receiveFds(channel, new Uint8Array(length.buffer), 1);
  const listener = fds[0];
  if (listener === undefined) exit(0);
  const text = new Uint8Array(length[0]!);
  for (let at = 0; at < text.length; ) at += read(channel, text.subarray(at));
  return { config: JSON.parse(native.utf8(text)) as ShimConfig, listener };
}

function beShim(channel: number): never {
  native.syscall(NR.setsid);
  const { config, listener } = receiveConfig(channel);
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

/** One more than its parent's: the kernel takes the shim after the container, and before the daemon. */
function adjustOomScore(pid: number): void {
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

/** Starts a shim, or finds that of the group, and answers its address. `embryo` was made while memory was clean. */
export function startShim(options: StartOptions, embryo: Embryo): string {
  const { namespace, id, bundle, address, ttrpcAddress, debug } = options;
  const traces = options.traces ?? `${stateFolder(address)}/trace`;
  try {
    const bootstrap = readBootstrap(options.stdin);
    const group = groupOf(readSpecIfThere(bundle)?.annotations, id);
    const { folder, path } = socketPath(address, namespace, group, bootstrap.socketDir);
    mkdirs(folder, 0o711);
    const listener = listen(path);
    if (listener === undefined) embryo.drop();
    else {
      const cgroup = shimCgroup(bootstrap);
      if (cgroup !== "") joinCgroup(embryo.pid, cgroup);
      adjustOomScore(embryo.pid);
      writeFileAtomic(`${bundle}/shim.pid`, String(embryo.pid));
      embryo.hatch({ namespace, address, ttrpcAddress, bundle, debug, traces, folder, socket: path }, listener);
    }
    writeFileAtomic(`${bundle}/address`, `unix://${path}`);
    return `unix://${path}`;
  } catch (error) {
    embryo.drop();
    throw error;
  }
}
