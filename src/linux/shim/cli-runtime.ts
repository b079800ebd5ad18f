// Another OCI runtime (runc, crun, youki, runsc …) through its command line.
import { isCode, WharfError } from "../../common/errors.ts";
import { join } from "../../common/path.ts";
import { isErrno, sys } from "../sys/call.ts";
import { close, dup3, mkdirs, O, open, pipe, readAll, readText, unlinkIfThere, writeFile } from "../sys/fs.ts";
import { NR } from "../sys/nr.ts";
import { dieWith, environment, exec, exit, fork, getpid, wait } from "../sys/process.ts";
import { ownWork } from "./checkpoint.ts";
import { inChild, type Stdio } from "./child.ts";
import type { Reaper } from "./reaper.ts";
import { detachAll, mountAll, unmountAll } from "./rootfs.ts";
import type {
  CheckpointRequest,
  Created,
  CreateRequest,
  ExecRequest,
  Launch,
  OciRuntime,
  RestoreRequest,
  RuntimeOptions,
} from "./runtime.ts";
import { sharesPids } from "./spec.ts";

const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** The path of a program; a bare name is looked for in PATH. NotFound. */
export function lookPath(name: string): string {
  if (name.includes("/")) return name;
  for (const folder of (environment().get("PATH") ?? DEFAULT_PATH).split(":")) {
    const path = join(folder, name);
    try {
      close(open(path, O.PATH));
      return path;
    } catch (error) {
      if (!isErrno(error, "ENOENT", "ENOTDIR", "EACCES")) throw error;
    }
  }
  throw new WharfError("NotFound", `no OCI runtime ${JSON.stringify(name)} in PATH`, {
    hint: "install it, or name another with the runtime option BinaryName",
  });
}

/** The last error in a log of the runtime, in either of its forms. */
function lastError(log: string): string | undefined {
  let text: string;
  try {
    text = readText(log);
  } catch {
    return undefined;
  }
  let found: string | undefined;
  // runc writes an object a line, crun objects of several lines
  for (const [object] of text.matchAll(/\{[^{}]*\}/g)) {
    try {
      const entry = JSON.parse(object) as { level?: string; msg?: string };
      if (entry.level === "error" && entry.msg) found = entry.msg.trim();
    } catch {
      // not JSON: another program's words
    }
  }
  return found;
}

/** Of these the container says what failed, whatever runtime it is (container.ts). */
const NAMED = new Set(["create", "start", "exec"]);

function failure(operation: string, text: string): WharfError {
  const gone = /does not exist|no such process|process already finished|not running/i.test(text);
  const what = NAMED.has(operation) ? "" : `OCI runtime ${operation} failed: `;
  return new WharfError(gone ? "NotFound" : "Unknown", `${what}${text}`);
}

export class CliRuntime implements OciRuntime {
  // a runtime of its own kind may have processes that are none of the host's
  readonly direct = false;
  traceparent = "";
  readonly #reaper: Reaper;
  readonly #binary: string;
  readonly #options: RuntimeOptions;

  constructor(reaper: Reaper, binary: string, options: RuntimeOptions) {
    this.#reaper = reaper;
    this.#binary = binary;
    this.#options = options;
  }

  /**
   * In a helper process: runs the runtime to its end and answers its words. `launch`: stdio is the container's, not ours to read. `part`: what
   * tells it from another of its kind at the same time.
   */
  #run(operation: string, args: readonly string[], launch = false, part: string = operation): string {
    const { root, systemdCgroup, bundle, traces } = this.#options;
    const log = `${bundle}/${part}.log.json`;
    const global = ["--root", root, "--log", log, "--log-format", "json"];
    if (systemdCgroup) global.push("--systemd-cgroup");
    const [reader, writer] = launch ? [-1, -1] : pipe();
    const helper = getpid();
    const pid = fork();
    if (pid === 0) {
      try {
        dieWith(helper);
        for (const fd of writer < 0 ? [] : [1, 2]) dup3(writer, fd);
        const env = environment();
        if (this.traceparent !== "") env.set("TRACEPARENT", this.traceparent).set("WHARF_TRACE_DIR", traces);
        const list = [...env].map(([name, value]) => `${name}=${value}`);
        // where containerd's shim runs it: what wraps a runtime looks for the container's files here
        sys("chdir", bundle, NR.chdir, bundle);
        exec(lookPath(this.#binary), [this.#binary, ...global, operation, ...args], list);
      } catch (error) {
        writeFile(log, JSON.stringify({ level: "error", msg: (error as Error).message }));
      }
      exit(127);
    }
    let words = "";
    if (!launch) {
      close(writer);
      words = native.utf8(readAll(reader)).trim();
      close(reader);
    }
    const status = wait(pid)!.status;
    const told = status === 0 ? undefined : lastError(log);
    unlinkIfThere(log);
    if (status !== 0) throw failure(operation, told || words || `${this.#binary} exited with ${status}`);
    return words;
  }

  #child<T>(work: () => T, stdio?: Stdio, undo?: () => Promise<void>): Promise<T> {
    return inChild(this.#reaper, work, stdio, [], undo);
  }

  static #pid(file: string): number {
    const pid = Number(readText(file).trim());
    if (!Number.isInteger(pid) || pid <= 0) throw new WharfError("Internal", `${file} holds no process number`);
    return pid;
  }

  static #console(launch: Launch): string[] {
    return launch.consoleSocket === undefined ? [] : ["--console-socket", launch.consoleSocket];
  }

  create(request: CreateRequest): Promise<Created> {
    const { id, bundle, noPivotRoot, noNewKeyring } = this.#options;
    const make = () => {
      mountAll(request.rootfs, `${bundle}/rootfs`);
      try {
        const pidFile = `${bundle}/init.pid`;
        const args = ["--bundle", bundle, "--pid-file", pidFile, ...CliRuntime.#console(request)];
        if (noPivotRoot) args.push("--no-pivot");
        if (noNewKeyring) args.push("--no-new-keyring");
        this.#run("create", [...args, id], true);
        return { pid: CliRuntime.#pid(pidFile), sharedPids: sharesPids(bundle) };
      } catch (error) {
        if (request.rootfs.length > 0) unmountAll(`${bundle}/rootfs`);
        throw error;
      }
    };
    return this.#child(make, request.stdio, () => this.delete(true));
  }

  start(): Promise<void> {
    return this.#simple("start", [this.#options.id]);
  }

  mount(rootfs: CreateRequest["rootfs"]): Promise<void> {
    return this.#child(() => mountAll(rootfs, `${this.#options.bundle}/rootfs`));
  }

  restore(request: RestoreRequest): Promise<Created> {
    const { id, bundle, noPivotRoot } = this.#options;
    const make = () => {
      const pidFile = `${bundle}/init.pid`;
      const args = ["--detach", "--bundle", bundle, "--pid-file", pidFile, ...CliRuntime.#console(request)];
      if (noPivotRoot) args.push("--no-pivot");
      return ownWork(bundle, request.workPath, (workPath) => {
        mkdirs(workPath, 0o700);
        this.#run("restore", [...args, "--image-path", request.imagePath, "--work-path", workPath, id], true);
        return { pid: CliRuntime.#pid(pidFile), sharedPids: sharesPids(bundle) };
      });
    };
    return this.#child(make, request.stdio, () => this.delete(true));
  }

  checkpoint(request: CheckpointRequest): Promise<void> {
    const { id, bundle } = this.#options;
    const args = ["--image-path", request.imagePath];
    if (!request.exit) args.push("--leave-running");
    if (request.openTcp) args.push("--tcp-established");
    if (request.externalUnixSockets) args.push("--ext-unix-sk");
    if (request.terminal) args.push("--shell-job");
    if (request.fileLocks) args.push("--file-locks");
    if (request.cgroupsMode) args.push("--manage-cgroups-mode", request.cgroupsMode);
    for (const type of request.emptyNamespaces) args.push("--empty-ns", type);
    return this.#child(() =>
      ownWork(bundle, request.workPath, (workPath) => {
        mkdirs(workPath, 0o700);
        this.#run("checkpoint", [...args, "--work-path", workPath, id]);
      }),
    );
  }

  exec(request: ExecRequest): Promise<{ pid: number }> {
    const { id, bundle } = this.#options;
    return this.#child(() => {
      const file = `${bundle}/${request.execId}.process.json`;
      const pidFile = `${bundle}/${request.execId}.pid`;
      writeFile(file, request.process, 0o600);
      try {
        const args = ["--process", file, "--pid-file", pidFile, "--detach", ...CliRuntime.#console(request)];
        this.#run("exec", [...args, id], true, `exec.${request.execId}`);
        return { pid: CliRuntime.#pid(pidFile) };
      } finally {
        unlinkIfThere(file);
        unlinkIfThere(pidFile);
      }
    }, request.stdio);
  }

  kill(signal: number, all: boolean): Promise<void> {
    return this.#simple("kill", [...(all ? ["--all"] : []), this.#options.id, String(signal)]);
  }

  delete(force: boolean): Promise<void> {
    const { id, bundle } = this.#options;
    return this.#child(() => {
      try {
        this.#run("delete", [...(force ? ["--force"] : []), id]);
      } catch (error) {
        if (!isCode(error, "NotFound")) throw error;
      } finally {
        detachAll(`${bundle}/rootfs`);
      }
    });
  }

  pause(): Promise<void> {
    return this.#simple("pause", [this.#options.id], () => this.resume());
  }

  resume(): Promise<void> {
    return this.#simple("resume", [this.#options.id], () => this.pause());
  }

  update(resources: string): Promise<void> {
    const { id, bundle } = this.#options;
    return this.#child(() => {
      const file = `${bundle}/update.json`;
      writeFile(file, resources, 0o600);
      try {
        this.#run("update", ["--resources", file, id]);
      } finally {
        unlinkIfThere(file);
      }
    });
  }

  ps(): Promise<number[]> {
    return this.#child(() => JSON.parse(this.#run("ps", ["--format", "json", this.#options.id])) as number[]);
  }

  #simple(operation: string, args: readonly string[], undo?: () => Promise<void>): Promise<void> {
    return this.#child(() => void this.#run(operation, args), undefined, undo);
  }
}
