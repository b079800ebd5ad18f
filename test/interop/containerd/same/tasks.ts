// A task's life, and what is refused at each point of it.
import { ContainersService } from "../../../../src/common/gen/containerd/services/containers.ts";
import { EventsService } from "../../../../src/common/gen/containerd/services/events.ts";
import { TasksService } from "../../../../src/common/gen/containerd/services/tasks.ts";
import { encodeUtf8 } from "../../../../src/common/utf8.ts";
import type { Side } from "./side.ts";

const S = TasksService;
const SPEC = "types.containerd.io/opencontainers/runtime-spec/1/Spec";
const PROCESS = "types.containerd.io/opencontainers/runtime-spec/1/Process";
const RESOURCES = "types.containerd.io/opencontainers/runtime-spec/1/LinuxResources";

const json = (typeUrl: string, value: unknown) => ({ typeUrl, value: encodeUtf8(JSON.stringify(value)) });
const process_ = (...args: string[]) => ({ cwd: "/", args, env: ["PATH=/bin"], user: { uid: 0, gid: 0 } });

/** `side.dir` has a root file system of one static busybox, `rootfs`. */
export async function tasks(side: Side): Promise<void> {
  const call = <M extends keyof typeof S.methods>(
    name: string,
    method: M,
    request: Parameters<typeof side.call<typeof S, M>>[3],
  ) => side.call(`tasks: ${name}`, S, method, request);
  const containerId = "one";
  const group = `/${side.space}-${side.ours ? "w" : "c"}`;
  const spec = (...args: string[]) =>
    json(SPEC, {
      ociVersion: "1.1.0",
      process: process_(...args),
      root: { path: "rootfs" },
      hostname: "same",
      mounts: [
        { destination: "/proc", type: "proc", source: "proc" },
        { destination: "/dev", type: "tmpfs", source: "tmpfs" },
      ],
      linux: { cgroupsPath: group, namespaces: ["pid", "ipc", "uts", "mount", "network"].map((type) => ({ type })) },
    });
  const rootfs = [{ type: "bind", source: `${side.dir}/rootfs`, target: "", options: ["rbind", "ro"] }];
  const container = (id: string, ...args: string[]) =>
    side.quiet(ContainersService, "create", {
      container: { id, runtime: { name: "io.containerd.runc.v2" }, spec: spec(...args) },
    });
  const all = async (what: string, id: string, execId: string) => {
    await call(`${what}: get`, "get", { containerId: id, execId });
    await call(`${what}: start`, "start", { containerId: id, execId });
    await call(`${what}: kill`, "kill", { containerId: id, execId, signal: 0 });
    await call(`${what}: wait`, "wait", { containerId: id, execId });
    await call(`${what}: resize`, "resizePty", { containerId: id, execId, width: 10, height: 10 });
    await call(`${what}: close`, "closeIO", { containerId: id, execId, stdin: true });
    if (execId) await call(`${what}: delete`, "deleteProcess", { containerId: id, execId });
  };
  const whole = async (what: string, id: string) => {
    await call(`${what}: pause`, "pause", { containerId: id });
    await call(`${what}: resume`, "resume", { containerId: id });
    await call(`${what}: pids`, "listPids", { containerId: id });
    await call(`${what}: checkpoint`, "checkpoint", {
      containerId: id,
      options: { typeUrl: "no.such", value: Uint8Array.of(1) },
    });
    await call(`${what}: update`, "update", { containerId: id, resources: json(RESOURCES, {}) });
    await call(`${what}: delete`, "delete", { containerId: id });
    await call(`${what}: exec`, "exec", { containerId: id, execId: "e", spec: json(PROCESS, process_("true")) });
  };
  await all("nothing", "nothing", "");
  await all("an exec of nothing", "nothing", "e");
  await whole("nothing", "nothing");
  await call("create of nothing", "create", { containerId: "nothing", rootfs });
  await call("create without an id", "create", {});
  await call("list of none", "list", {});
  await call("metrics of none", "metrics", {});
  await call("metrics, a bad filter", "metrics", { filters: ["id="] });
  await container(containerId, "sleep", "1000");
  await all("no task", containerId, "");
  await whole("no task", containerId);
  // a container of their own: containerd cleans up after them beside the calls that follow
  const refused = "refused";
  await container(refused, "sleep", "1000");
  await call("a rootfs that is not there", "create", {
    containerId: refused,
    rootfs: [{ type: "bind", source: `${side.dir}/nothing`, target: "", options: ["rbind"] }],
  });
  await call("options of an unknown type", "create", {
    containerId: refused,
    rootfs,
    options: { typeUrl: "no.such", value: Uint8Array.of(1) },
  });
  await call("a checkpoint that is not there", "create", {
    containerId: refused,
    rootfs,
    checkpoint: {
      mediaType: "application/vnd.containerd.container.criu.checkpoint.criu.tar",
      digest: `sha256:${"a".repeat(64)}`,
      size: 3,
    },
  });
  const heard: [topic: string, type: string | undefined][] = [];
  const open = side.open(EventsService, "subscribe", { namespace: "" });
  open.send({ filters: ['topic~="^/there"', `namespace==${side.space},topic~=^/tasks/`] });
  open.end();
  const reading = (async () => {
    // runc's shim may end before it has told of the deletion: then containerd tells nobody, and ours does a while later
    for (const left = new Set(side.ours ? ["/there/end", "/tasks/delete"] : ["/there/end"]); left.size > 0; ) {
      const one = await open.next();
      if (!one) break;
      if (one.topic === "/there") side.there();
      const task = one.topic.startsWith("/tasks/");
      if (task && Buffer.from(one.event!.value).includes(refused)) continue;
      if (task) heard.push([one.topic, one.event?.typeUrl]);
      left.delete(one.topic);
    }
  })();
  await side.subscribed();
  await call("create", "create", { containerId, rootfs });
  await call("create again", "create", { containerId, rootfs });
  await call("created: get", "get", { containerId });
  await call("created: list", "list", {});
  await call("created: pids", "listPids", { containerId });
  await call("created: pause", "pause", { containerId });
  await call("created: resume", "resume", { containerId });

  await call("start", "start", { containerId });
  await call("start again", "start", { containerId });
  await call("running: get", "get", { containerId });
  await call("running: delete", "delete", { containerId });
  await call("running: resize", "resizePty", { containerId, width: 10, height: 10 });
  await call("running: close", "closeIO", { containerId, stdin: true });
  await call("running: resume", "resume", { containerId });
  await call("running: update of an unknown type", "update", {
    containerId,
    resources: { typeUrl: "no.such", value: Uint8Array.of(1) },
  });
  await call("running: update", "update", { containerId, resources: json(RESOURCES, { pids: { limit: 100 } }) });
  const { outcome, answers } = await side.quiet(S, "metrics", { filters: [`id==${containerId}`] });
  side.note("tasks: metrics", outcome, [answers[0]?.metrics.map(({ id, data }) => [id, data?.typeUrl])]);
  await call("metrics of another", "metrics", { filters: ["id==other"] });
  for (const [execId, args] of [
    ["", ["true"]],
    ["a/b", ["true"]],
    ["bad", []],
    ["none", ["/no/such"]],
  ] as const) {
    await call(`exec ${execId} ${args}`, "exec", { containerId, execId, spec: json(PROCESS, process_(...args)) });
    if (execId === "none" || execId === "bad")
      await call(`exec ${execId} delete`, "deleteProcess", { containerId, execId });
  }
  await all("no exec", containerId, "nothing");
  await call("exec", "exec", { containerId, execId: "e", spec: json(PROCESS, process_("sleep", "1000")) });
  await call("exec again", "exec", { containerId, execId: "e", spec: json(PROCESS, process_("true")) });
  await call("exec: get", "get", { containerId, execId: "e" });
  await call("exec: kill before its start", "kill", { containerId, execId: "e", signal: 9 });
  await call("exec: start", "start", { containerId, execId: "e" });
  await call("exec: get", "get", { containerId, execId: "e" });
  await call("exec: delete while it runs", "deleteProcess", { containerId, execId: "e" });
  await call("exec: kill with a bad signal", "kill", { containerId, execId: "e", signal: 999 });
  await call("exec: kill", "kill", { containerId, execId: "e", signal: 9 });
  await call("exec: wait", "wait", { containerId, execId: "e" });
  await call("exec: wait again", "wait", { containerId, execId: "e" });
  await call("exec: kill when ended", "kill", { containerId, execId: "e", signal: 9 });
  await call("exec: get", "get", { containerId, execId: "e" });
  await call("exec: delete", "deleteProcess", { containerId, execId: "e" });
  await call("exec: delete again", "deleteProcess", { containerId, execId: "e" });
  await call("pause", "pause", { containerId });
  await call("pause again", "pause", { containerId });
  await call("paused: get", "get", { containerId });
  await call("paused: start", "start", { containerId });
  await call("paused: exec", "exec", { containerId, execId: "p", spec: json(PROCESS, process_("true")) });
  await call("paused: delete of it", "deleteProcess", { containerId, execId: "p" });
  await call("paused: delete", "delete", { containerId });
  await call("resume", "resume", { containerId });
  await call("kill with a bad signal", "kill", { containerId, signal: 999 });
  await call("kill", "kill", { containerId, signal: 9 });
  await call("wait", "wait", { containerId });
  await call("wait again", "wait", { containerId });
  await call("ended: get", "get", { containerId });
  await call("ended: list", "list", {});
  await call("ended: kill", "kill", { containerId, signal: 9 });
  await call("ended: kill all", "kill", { containerId, signal: 9, all: true });
  await call("ended: start", "start", { containerId });
  await call("ended: exec", "exec", { containerId, execId: "x", spec: json(PROCESS, process_("true")) });
  await call("ended: pause", "pause", { containerId });
  await call("ended: resume", "resume", { containerId });
  await call("ended: update", "update", { containerId, resources: json(RESOURCES, { pids: { limit: 100 } }) });
  await call("ended: resize", "resizePty", { containerId, width: 1, height: 1 });
  await call("ended: close", "closeIO", { containerId, stdin: true });
  await call("ended: metrics", "metrics", { filters: [`id==${containerId}`] });
  await call("delete", "delete", { containerId });
  await call("delete again", "delete", { containerId });
  await side.quiet(EventsService, "publish", { topic: "/there/end", event: { typeUrl: "t" } });
  await reading;
  open.cancel();
  // an end is told beside the answer to who waits for it
  const times = (topic: string) => heard.filter(([one]) => one === topic).length;
  side.note("tasks: what was told", { code: 0, message: "" }, [
    heard.filter(([topic]) => topic !== "/tasks/exit" && topic !== "/tasks/delete"),
    times("/tasks/exit"),
    side.ours ? times("/tasks/delete") : 1,
  ]);
  await side.call("tasks: delete of the container", ContainersService, "delete", { id: containerId });
  await side.quiet(ContainersService, "delete", { id: refused });
  // one that ends by itself, one that cannot start
  await container("short", "sh", "-c", "exit 7");
  await call("short: create", "create", { containerId: "short", rootfs });
  const waiting = side.quiet(S, "wait", { containerId: "short" });
  await call("short: start", "start", { containerId: "short" });
  const { outcome: waited, answers: exits } = await waiting;
  side.note("tasks: short: wait", waited, exits);
  await call("short: delete", "delete", { containerId: "short" });
  await side.call("tasks: short: container", ContainersService, "delete", { id: "short" });
  await container("nope", "/no/such/program");
  await call("nope: create", "create", { containerId: "nope", rootfs });
  await call("nope: start", "start", { containerId: "nope" });
  await call("nope: delete", "delete", { containerId: "nope" });
  await side.call("tasks: nope: container", ContainersService, "delete", { id: "nope" });
  await side.quiet(ContainersService, "create", {
    container: { id: "noshim", runtime: { name: "io.containerd.nothing.v9" }, spec: spec("true") },
  });
  await call("no shim: create", "create", { containerId: "noshim", rootfs });
  await side.quiet(ContainersService, "delete", { id: "noshim" });
  await side.quiet(ContainersService, "create", {
    container: { id: "badspec", runtime: { name: "io.containerd.runc.v2" }, spec: json(SPEC, { ociVersion: "1.1.0" }) },
  });
  await call("a spec of nothing: create", "create", { containerId: "badspec", rootfs });
  await call("a spec of nothing: delete", "delete", { containerId: "badspec" });
  await side.quiet(ContainersService, "delete", { id: "badspec" });
  await side.call("tasks: without a namespace", S, "list", {}, { namespace: "" });
  await side.call("tasks: without a namespace", S, "get", { containerId }, { namespace: "" });
}
