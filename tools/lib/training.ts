// The runs that runt's memory image is laid out by: what containerd, Docker and a user at a terminal ask of it all day.
import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Mount, Spec } from "../../src/common/oci/runtime.ts";
import { defaultSeccomp } from "../../src/common/oci/seccomp-default.ts";
import { capabilitySets } from "../../src/daemon/docker/spec/capabilities.ts";
import * as docker from "../../src/daemon/docker/spec/defaults.ts";
import type { Start, Training } from "./layout.ts";
import { CC } from "./sdist.ts";

/** One run must not hold up the build. */
const TIMEOUT_MS = 10_000;

/** In the names of containers and of their control groups. */
export const MARK = `wharf-build-${process.pid}`;

/** What the containers run: it ends at once, or with an argument at a signal, and not long after a build that was interrupted. */
const PROGRAM =
  "unsigned alarm(unsigned); int pause(void); int main(int n, char **v) { if (n < 2) return 0; alarm(120); return pause(); }";

const bind = (source: string, destination: string): Mount => ({
  destination,
  type: "bind",
  source,
  options: ["rbind", "rprivate"],
});

/** The same container as Docker would have it, with limits. */
export function dockerSpec(spec: Spec, dir: string): Spec {
  const names = ["resolv.conf", "hostname", "hosts"];
  for (const name of names) writeFileSync(join(dir, name), "");
  return {
    ...spec,
    process: {
      ...spec.process!,
      user: { uid: 0, gid: 0, additionalGids: [0, 10] },
      capabilities: capabilitySets([...docker.DEFAULT_CAPABILITIES]),
      noNewPrivileges: false,
      rlimits: [],
      oomScoreAdj: 0,
    },
    root: { path: "rootfs" },
    hostname: "0123456789ab",
    mounts: [
      ...docker.defaultMounts(docker.DEFAULT_SHM_SIZE),
      ...names.map((name) => bind(join(dir, name), `/etc/${name}`)),
    ],
    annotations: { "com.example.purpose": "training" },
    linux: {
      ...spec.linux,
      sysctl: { "net.ipv4.ip_unprivileged_port_start": "0", "net.ipv4.ping_group_range": "0 2147483647" },
      namespaces: ["mount", "network", "uts", "pid", "ipc", "cgroup"].map((type) => ({ type })) as never,
      maskedPaths: [...docker.MASKED_PATHS],
      readonlyPaths: [...docker.READONLY_PATHS],
      seccomp: defaultSeccomp([...docker.DEFAULT_CAPABILITIES], process.arch),
      resources: {
        devices: docker.defaultDeviceRules(),
        memory: { limit: 256 << 20, swap: 512 << 20, disableOOMKiller: false },
        cpu: { shares: 512, quota: 100_000, period: 100_000 },
        pids: { limit: 100 },
        blockIO: { weight: 0 },
      },
    },
  };
}

function quiet(command: readonly string[], cwd: string, stdio: "ignore" | "pipe" = "ignore"): void {
  spawnSync(command[0]!, command.slice(1), { cwd, stdio, timeout: TIMEOUT_MS, killSignal: "SIGKILL" });
}

/** A root file system with the program in it. */
export function makeRootfs(rootfs: string): void {
  for (const name of ["bin", "proc", "sys", "dev", "etc", "tmp"]) mkdirSync(join(rootfs, name), { recursive: true });
  spawnSync(CC, ["-static", "-x", "c", "-", "-o", join(rootfs, "bin/true")], { input: PROGRAM, stdio: "pipe" });
}

/** Bundles in `dir`: small, docker, and sleeper, which is docker's with a process that stays. */
function makeBundles(host: string, image: string, dir: string): void {
  const rootfs = join(dir, "small/rootfs");
  makeRootfs(rootfs);
  quiet([host, "--image", image, "spec", "--bundle", join(dir, "small")], dir);
  const config = join(dir, "small/config.json");
  const spec = JSON.parse(readFileSync(config, "utf8")) as Spec;
  const cgroupsPath = `/${MARK}-group`;
  const { terminal: _, ...rest } = spec.process!;
  const small: Spec = { ...spec, process: { ...rest, args: ["true"] } };
  writeFileSync(config, JSON.stringify(small));
  const docker = dockerSpec(small, dir);
  const likeDocker: Spec = { ...docker, linux: { ...docker.linux, cgroupsPath } };
  const stays: Spec = {
    ...likeDocker,
    process: { ...likeDocker.process!, args: ["true", "stay"] },
    linux: { ...likeDocker.linux, cgroupsPath: `${cgroupsPath}-stays` },
  };
  for (const [name, made] of [
    ["docker", likeDocker],
    ["sleeper", stays],
  ] as const) {
    mkdirSync(join(dir, name, "rootfs"), { recursive: true });
    for (const folder of ["bin", "proc", "sys", "dev", "etc", "tmp"])
      mkdirSync(join(dir, name, "rootfs", folder), { recursive: true });
    copyFileSync(join(rootfs, "bin/true"), join(dir, name, "rootfs/bin/true"));
    chmodSync(join(dir, name, "rootfs/bin/true"), 0o755);
    writeFileSync(join(dir, name, "config.json"), JSON.stringify(made));
  }
}

function runs(start: Start, dir: string): void {
  const root = join(dir, "state");
  const call = (...args: string[]) => quiet(start("runt", "--root", root, ...args), dir);
  /** With pipes as its streams: not where a container stays that would keep them open. */
  const attached = (...args: string[]) => quiet(start("runt", "--root", root, ...args), dir, "pipe");
  const logged = ["--log", join(dir, "log.json"), "--log-format", "json"];
  const pidFile = ["--pid-file", join(dir, "pid")];
  // first those that do least: what all need comes to lie together
  call(...logged, "create", "--bundle", join(dir, "sleeper"), ...pidFile, "made");
  attached("state", "made");
  call(...logged, "start", "made");
  attached("run", "--bundle", "small", MARK);
  attached("run", "-b", "small", MARK);
  attached("run", "-b", "docker", "docker");
  attached("run", "--bundle", join(dir, "docker"), "again");
  const exec = { args: ["true"], cwd: "/", env: ["PATH=/bin"], user: { uid: 0, gid: 0 } };
  writeFileSync(join(dir, "exec.json"), JSON.stringify(exec));
  attached("exec", "made", "true");
  call(...logged, "exec", "--process", "exec.json", "--detach", ...pidFile, "made");
  attached("list");
  call("pause", "made");
  call("resume", "made");
  call("events", "--stats", "made");
  call(...logged, "kill", "made", "KILL");
  call(...logged, "delete", "made"); // refused where its process has not ended yet
  call("delete", "--force", "made");
  call("run", "--detach", "--bundle", "sleeper", "made");
  call(...logged, "delete", "--force", "made");
}

export const trainRunt: Training = {
  name: "runt",
  run(start, host, image, dir) {
    try {
      makeBundles(host, image, dir);
      runs(start, dir);
    } catch (error) {
      // no reason to fail: the image is only less well laid out
      process.stderr.write(
        `wharf: runt's image is laid out by less: ${error instanceof Error ? error.message : error}\n`,
      );
    }
  },
  clear(host, image, dir) {
    const state = join(dir, "state");
    for (const id of existsSync(state) ? readdirSync(state).filter((name) => !name.startsWith(".")) : [])
      quiet([host, "--image", image, "--root", state, "delete", "--force", id], dir);
  },
};
