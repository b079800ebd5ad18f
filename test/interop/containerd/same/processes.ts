// Tasks and execs with streams and terminals, by our shim below both, with all that a creation can say.
import { execFileSync } from "node:child_process";
import { closeSync, constants, openSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Options } from "../../../../src/common/gen/containerd/runc/options.ts";
import { ContainersService } from "../../../../src/common/gen/containerd/services/containers.ts";
import { EventsService } from "../../../../src/common/gen/containerd/services/events.ts";
import { TasksService } from "../../../../src/common/gen/containerd/services/tasks.ts";
import { packAny } from "../../../../src/common/protobuf/any.ts";
import { encodeUtf8 } from "../../../../src/common/utf8.ts";
import { ROOT } from "../../../../tools/lib/native.ts";
import type { Side } from "./side.ts";

const S = TasksService;
const TYPES = "types.containerd.io/opencontainers/runtime-spec/1";
const json = (type: string, value: unknown) => ({
  typeUrl: `${TYPES}/${type}`,
  value: encodeUtf8(JSON.stringify(value)),
});
const program = (terminal: boolean, ...args: string[]) => ({
  ...{ terminal, cwd: "/", args, env: ["PATH=/bin"], user: { uid: 0, gid: 0 } },
});

/** A FIFO that is open at this end: nobody waits for the other one. */
class Fifo implements Disposable {
  readonly path: string;
  readonly #fd: number;

  constructor(dir: string, name: string) {
    this.path = join(dir, name);
    execFileSync("mkfifo", [this.path]);
    this.#fd = openSync(this.path, constants.O_RDWR | constants.O_NONBLOCK);
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
    rmSync(this.path);
  }
}

export async function processes(side: Side): Promise<void> {
  const call = <M extends keyof typeof S.methods>(
    name: string,
    method: M,
    request: Parameters<typeof side.call<typeof S, M>>[3],
  ) => side.call(`processes: ${name}`, S, method, request);
  using stdin = new Fifo(side.dir, "stdin");
  using stdout = new Fifo(side.dir, "stdout");
  using stderr = new Fifo(side.dir, "stderr");
  using inner = new Fifo(side.dir, "inner");
  const streams = { stdin: stdin.path, stdout: stdout.path };
  const rootfs = [{ type: "bind", source: `${side.dir}/rootfs`, target: "", options: ["rbind", "ro"] }];
  const mount = (destination: string, type: string) => ({ destination, type, source: type });
  const container = (id: string, terminal: boolean, ...args: string[]) =>
    side.call(`processes: ${id}: container`, ContainersService, "create", {
      container: {
        id,
        runtime: { name: "io.containerd.runt.v2", options: packAny(Options, {}) },
        spec: json("Spec", {
          ociVersion: "1.1.0",
          process: program(terminal, ...args),
          root: { path: "rootfs" },
          mounts: [mount("/proc", "proc"), mount("/dev", "tmpfs"), mount("/dev/pts", "devpts")],
          linux: {
            cgroupsPath: `/${side.space}-${side.ours ? "w" : "c"}-${id}`,
            namespaces: ["pid", "ipc", "uts", "mount", "network"].map((type) => ({ type })),
          },
        }),
      },
    });
  const open = side.open(EventsService, "subscribe", { namespace: "" });
  open.send({ filters: ['topic~="^/there"', `namespace==${side.space},topic~=^/tasks/`] });
  open.end();
  const heard: string[] = [];
  const reading = (async () => {
    for (let one = await open.next(); one && one.topic !== "/there/end"; one = await open.next()) {
      if (one.topic === "/there") side.there();
      else if (one.topic !== "/tasks/exit" && one.topic !== "/tasks/delete") heard.push(one.topic);
    }
  })();
  await side.subscribed();

  // with streams of its own, and what a creation can say
  await container("streams", false, "sleep", "1000");
  await call("streams: create", "create", {
    containerId: "streams",
    rootfs,
    ...streams,
    stderr: stderr.path,
    runtimePath: join(ROOT, "dist/bin/containerd-shim-runt-v2"),
    options: packAny(Options, { root: join(side.dir, `runt-${side.ours}`), noPivotRoot: true, noNewKeyring: true }),
  });
  await call("streams: get", "get", { containerId: "streams" });
  await call("streams: start", "start", { containerId: "streams" });
  await call("streams: list", "list", { filter: "id==streams" });
  await call("streams: list of another", "list", { filter: "id==other" });
  await call("streams: close", "closeIO", { containerId: "streams", stdin: true });
  await call("streams: update with annotations", "update", {
    containerId: "streams",
    resources: json("LinuxResources", { pids: { limit: 50 } }),
    annotations: { a: "b" },
  });
  await call("streams: exec", "exec", {
    containerId: "streams",
    execId: "e",
    stdin: inner.path,
    stdout: stdout.path,
    stderr: stderr.path,
    spec: json("Process", program(false, "sleep", "1000")),
  });
  await call("streams: exec: start", "start", { containerId: "streams", execId: "e" });
  await call("streams: exec: get", "get", { containerId: "streams", execId: "e" });
  await call("streams: exec: close", "closeIO", { containerId: "streams", execId: "e", stdin: true });
  await call("streams: exec: kill", "kill", { containerId: "streams", execId: "e", signal: 9 });
  await call("streams: exec: wait", "wait", { containerId: "streams", execId: "e" });
  await call("streams: exec: delete", "deleteProcess", { containerId: "streams", execId: "e" });
  await call("streams: kill all", "kill", { containerId: "streams", signal: 9, all: true });
  await call("streams: wait", "wait", { containerId: "streams" });
  await call("streams: delete", "delete", { containerId: "streams" });

  // on terminals
  await container("terminal", true, "sleep", "1000");
  await call("terminal: create", "create", { containerId: "terminal", rootfs, ...streams, terminal: true });
  await call("terminal: start", "start", { containerId: "terminal" });
  await call("terminal: get", "get", { containerId: "terminal" });
  await call("terminal: resize", "resizePty", { containerId: "terminal", width: 80, height: 25 });
  await call("terminal: exec", "exec", {
    containerId: "terminal",
    execId: "t",
    stdin: inner.path,
    stdout: stdout.path,
    terminal: true,
    spec: json("Process", program(true, "sleep", "1000")),
  });
  await call("terminal: exec: start", "start", { containerId: "terminal", execId: "t" });
  await call("terminal: exec: get", "get", { containerId: "terminal", execId: "t" });
  await call("terminal: exec: resize", "resizePty", { containerId: "terminal", execId: "t", width: 81, height: 26 });
  await call("terminal: exec: kill", "kill", { containerId: "terminal", execId: "t", signal: 9 });
  await call("terminal: exec: wait", "wait", { containerId: "terminal", execId: "t" });
  await call("terminal: exec: delete", "deleteProcess", { containerId: "terminal", execId: "t" });
  await call("terminal: kill", "kill", { containerId: "terminal", signal: 9 });
  await call("terminal: wait", "wait", { containerId: "terminal" });
  await call("terminal: delete", "delete", { containerId: "terminal" });
  await side.quiet(EventsService, "publish", { topic: "/there/end", event: { typeUrl: "t" } });
  await reading;
  open.cancel();
  side.note("processes: what was told", { code: 0, message: "" }, [heard]);
  for (const id of ["streams", "terminal"])
    await side.call(`processes: ${id}: gone`, ContainersService, "delete", { id });
}
