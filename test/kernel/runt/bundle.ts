// Bundles of busybox and a way to drive a runtime with them; WHARF_TEST_RUNTIME=runc runs the tests against another one.
import { spawn, spawnSync } from "node:child_process";
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Spec } from "../../../src/common/oci/runtime.ts";
import { type Span, spansFromLines } from "../../../src/common/trace.ts";
import { uniqueName } from "../../support/run.ts";

export const ROOT = join(import.meta.dirname, "../../..");
export const RUNTIME = process.env.WHARF_TEST_RUNTIME ?? join(ROOT, "dist/bin/runt");

const APPLETS =
  "sh echo cat ls id sleep true false hostname ps tty env pwd stat grep mount umount mkdir touch dd head readlink kill test stty wc ulimit unshare seq sort cut nc ifconfig ip";

/** Version 2 only, as most hosts have it. */
export const CGROUP_V2 = existsSync("/sys/fs/cgroup/cgroup.controllers");

export const CAPABILITIES = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"];

/** What `runc spec` gives, without a terminal and with a root that can be written to. */
function baseSpec(): Spec {
  const mount = (destination: string, type: string, options: string[] = []) => ({
    destination,
    type,
    source: type,
    options,
  });
  return {
    ociVersion: "1.2.0",
    process: {
      user: { uid: 0, gid: 0 },
      args: ["true"],
      env: ["PATH=/bin", "HOME=/"],
      cwd: "/",
      capabilities: { bounding: [...CAPABILITIES], effective: [...CAPABILITIES], permitted: [...CAPABILITIES] },
    },
    root: { path: "rootfs" },
    hostname: "box",
    mounts: [
      mount("/proc", "proc"),
      mount("/dev", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
      mount("/dev/pts", "devpts", ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
      mount("/dev/shm", "tmpfs", ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]),
      mount("/sys", "sysfs", ["nosuid", "noexec", "nodev", "ro"]),
    ],
    linux: {
      resources: { devices: [{ allow: false, access: "rwm" }] },
      namespaces: [{ type: "pid" }, { type: "network" }, { type: "ipc" }, { type: "uts" }, { type: "mount" }],
      maskedPaths: ["/proc/kcore", "/proc/keys", "/sys/firmware", "/proc/nothing-of-this-name"],
      readonlyPaths: ["/proc/sys", "/proc/sysrq-trigger"],
    },
  };
}

export interface Result {
  status: number | null;
  out: string;
  err: string;
}

interface Call {
  input?: string;
  env?: Record<string, string>;
}

/** A bundle of its own, with a state folder of its own. Disposed of with everything that runs in it. */
export class Bundle implements Disposable {
  readonly dir = mkdtempSync(join(tmpdir(), "wharf-runt-"));
  readonly rootfs = join(this.dir, "rootfs");
  readonly state = join(this.dir, "state");
  readonly id = uniqueName("c");
  readonly spec: Spec;
  /** Containers made besides the first. */
  readonly others: string[] = [];
  runtime = RUNTIME;
  #calls = 0;

  constructor(change: (spec: Spec) => void = () => {}) {
    for (const folder of ["bin", "proc", "dev", "sys", "etc", "tmp"])
      mkdirSync(join(this.rootfs, folder), { recursive: true });
    copyFileSync("/usr/bin/busybox", join(this.rootfs, "bin/busybox"));
    for (const name of APPLETS.split(" ")) symlinkSync("busybox", join(this.rootfs, "bin", name));
    this.spec = baseSpec();
    this.spec.linux!.cgroupsPath = `/${this.id}`;
    change(this.spec);
    this.write();
  }

  write(): void {
    writeFileSync(join(this.dir, "config.json"), JSON.stringify(this.spec));
  }

  /** Runs a verb to its end. */
  runt(...args: string[]): Result {
    return this.with({}, ...args);
  }

  with(options: Call, ...args: string[]): Result {
    return this.#call(this.runtime, ["--root", this.state, ...args], options);
  }

  /** A shell script on the host, in the bundle's folder. */
  shell(script: string): Result {
    return this.#call("sh", ["-c", script], {});
  }

  #call(program: string, args: readonly string[], options: Call): Result {
    // files, not pipes: a container that goes on would keep a pipe open, and this call waiting. Each call has its own, for the
    // container writes to those it was created with
    const call = ++this.#calls;
    const [out, err] = [join(this.dir, `stdout.${call}`), join(this.dir, `stderr.${call}`)];
    const files = [openSync(out, "w+"), openSync(err, "w+")];
    try {
      const { status } = spawnSync(program, args, {
        cwd: this.dir,
        ...(options.input === undefined ? {} : { input: options.input }),
        stdio: [options.input === undefined ? "ignore" : "pipe", ...files],
        env: { ...process.env, ...options.env },
        timeout: 120_000,
        killSignal: "SIGKILL",
      });
      return { status, out: readFileSync(out, "utf8"), err: readFileSync(err, "utf8") };
    } finally {
      for (const file of files) closeSync(file);
    }
  }

  /** `run` in the foreground with this command; what it wrote. Throws when it ends with something else than 0. */
  sh(script: string): string {
    this.spec.process!.args = ["sh", "-c", script];
    this.write();
    const { status, out, err } = this.runt("run", this.id);
    if (status !== 0) throw new Error(`run ended with ${status}: ${out}${err}`);
    return out;
  }

  /** A container that sleeps until it is killed. */
  sleeping(): void {
    this.spec.process!.args = ["sleep", "1000"];
    this.write();
    this.ok("create", this.id);
    this.ok("start", this.id);
  }

  /** A verb that must succeed. */
  ok(...args: string[]): void {
    const { status, err } = this.runt(...args);
    if (status !== 0) throw new Error(`${args.join(" ")} ended with ${status}: ${err}`);
  }

  exec(script: string): Result {
    return this.runt("exec", this.id, "sh", "-c", script);
  }

  status(id = this.id): string | undefined {
    const { status, out } = this.runt("state", id);
    return status === 0 ? (JSON.parse(out) as { status: string }).status : undefined;
  }

  /** The spans of a trace whose folder is the bundle's. */
  trace(traceId: string): Span[] {
    return spansFromLines(readFileSync(join(this.dir, `${traceId}.jsonl`), "utf8"));
  }

  spawn(...args: string[]) {
    return spawn(this.runtime, ["--root", this.state, ...args], { cwd: this.dir, stdio: ["pipe", "pipe", "pipe"] });
  }

  [Symbol.dispose](): void {
    const failed = [this.id, ...this.others]
      .map((id) => this.runt("delete", "--force", id))
      .filter(({ status }) => status !== 0)
      .map(({ err }) => err);
    rmSync(this.dir, { recursive: true, force: true });
    if (failed.length > 0) throw new Error(`delete failed: ${failed.join(", ")}`);
  }
}
