// The controllers of sandboxes: a pod's life by a shim that serves the sandbox API, and what is refused at each point of it.
import { EventsService } from "../../../../src/common/gen/containerd/services/events.ts";
import { ControllerService, StoreService } from "../../../../src/common/gen/containerd/services/sandbox.ts";
import { encodeUtf8 } from "../../../../src/common/utf8.ts";
import type { Side } from "./side.ts";

const S = ControllerService;
const SPEC = "types.containerd.io/opencontainers/runtime-spec/1/Spec";
const json = (typeUrl: string, value: unknown) => ({ typeUrl, value: encodeUtf8(JSON.stringify(value)) });

/** With our shim below both. */
export async function pods(side: Side): Promise<void> {
  const sandboxer = "shim";
  const call = <M extends keyof typeof S.methods>(
    name: string,
    method: M,
    request: Parameters<typeof side.call<typeof S, M>>[3],
    options = {},
  ) => side.call(`pods: ${name}`, S, method, request, options);
  const namespaces = ["ipc", "uts", "network"].map((type) => ({ type }));
  const runtime = { name: "io.containerd.runt.v2" };
  const spec = json(SPEC, { ociVersion: "1.1.0", hostname: "pod", linux: { namespaces } });
  const sandbox = (sandboxId: string) => ({ sandboxId, runtime, spec, sandboxer, labels: { a: "b" } });
  /** Every call there is upon a pod. */
  const all = async (what: string, sandboxId: string, of = sandboxer) => {
    await call(`${what}: start`, "start", { sandboxId, sandboxer: of });
    await call(`${what}: platform`, "platform", { sandboxId, sandboxer: of });
    await call(`${what}: status`, "status", { sandboxId, sandboxer: of });
    await call(`${what}: verbose status`, "status", { sandboxId, sandboxer: of, verbose: true });
    await call(`${what}: metrics`, "metrics", { sandboxId, sandboxer: of });
    await call(`${what}: update`, "update", {
      sandboxId,
      sandboxer: of,
      sandbox: sandbox(sandboxId),
      fields: ["labels"],
    });
    await call(`${what}: wait`, "wait", { sandboxId, sandboxer: of });
    await call(`${what}: stop`, "stop", { sandboxId, sandboxer: of, timeoutSecs: 1 });
    await call(`${what}: shutdown`, "shutdown", { sandboxId, sandboxer: of });
  };
  await all("nothing", "nothing");
  await all("no id", "");
  await all("no controller", "nothing", "");
  await all("an unknown controller", "nothing", "bogus");
  await call("create, no controller", "create", { sandboxId: "x", sandbox: sandbox("x") });
  await call("create, an unknown controller", "create", { sandboxId: "x", sandboxer: "bogus", sandbox: sandbox("x") });
  await call("create without a runtime", "create", {
    sandboxId: "x",
    sandboxer,
    sandbox: { ...sandbox("x"), runtime: { name: "" } },
  });
  await call("create with an unknown runtime", "create", {
    sandboxId: "x",
    sandboxer,
    sandbox: { ...sandbox("x"), runtime: { name: "io.containerd.nothing.v9" } },
  });
  const rootfs = [{ type: "bind", source: "/", target: "", options: ["rbind"] }];
  await call("create with a root file system", "create", { sandboxId: "x", sandboxer, sandbox: sandbox("x"), rootfs });
  for (const sandboxId of ["", "a/b", "a b"])
    await call(`create ${JSON.stringify(sandboxId)}`, "create", { sandboxId, sandboxer, sandbox: sandbox(sandboxId) });
  await call("without a namespace", "status", { sandboxId: "x", sandboxer }, { namespace: "" });
  await call(
    "create without a namespace",
    "create",
    { sandboxId: "x", sandboxer, sandbox: sandbox("x") },
    { namespace: "" },
  );
  await call("start without a namespace", "start", { sandboxId: "x", sandboxer }, { namespace: "" });
  // a life
  const heard: unknown[] = [];
  const open = side.open(EventsService, "subscribe", { namespace: "" });
  open.send({ filters: ['topic~="^/there"', `namespace==${side.space},topic~=^/sandboxes/`] });
  open.end();
  const reading = (async () => {
    for (let one = await open.next(); one && one.topic !== "/there/end"; one = await open.next()) {
      if (one.topic === "/there") side.there();
      else heard.push([one.topic, one.event?.typeUrl]);
    }
  })();
  await side.subscribed();
  await side.call("pods: store", StoreService, "create", { sandbox: sandbox("p") });
  await call("create", "create", {
    sandboxId: "p",
    sandboxer,
    sandbox: sandbox("p"),
    options: json("x.y/Z", {}),
    annotations: { a: "b" },
    netnsPath: `/proc/${process.pid}/ns/net`,
  });
  await call("create again", "create", { sandboxId: "p", sandboxer, sandbox: sandbox("p") });
  await status(side, "created", "p");
  await call("created: platform", "platform", { sandboxId: "p", sandboxer });
  const started = await side.quiet(S, "start", { sandboxId: "p", sandboxer });
  const { sandboxId, pid = 0, createdAt } = started.answers[0] ?? {};
  side.note("pods: start", started.outcome, [sandboxId, pid > 0, (createdAt?.seconds ?? 0) > 1e9]);
  await status(side, "running", "p");
  await call("running: create again", "create", { sandboxId: "p", sandboxer, sandbox: sandbox("p") });
  await call("running: platform", "platform", { sandboxId: "p", sandboxer });
  const { outcome, answers } = await side.quiet(S, "metrics", { sandboxId: "p", sandboxer });
  side.note("pods: metrics", outcome, [answers[0]?.metrics?.id, answers[0]?.metrics?.data?.typeUrl]);
  await call("running: update", "update", { sandboxId: "p", sandboxer, sandbox: sandbox("p"), fields: ["labels"] });
  const waiting = side.quiet(S, "wait", { sandboxId: "p", sandboxer });
  await call("stop", "stop", { sandboxId: "p", sandboxer, timeoutSecs: 1 });
  const { outcome: waited, answers: exits } = await waiting;
  side.note("pods: wait", waited, exits);
  await status(side, "stopped", "p");
  await call("stopped: stop", "stop", { sandboxId: "p", sandboxer, timeoutSecs: 1 });
  await call("stopped: platform", "platform", { sandboxId: "p", sandboxer });
  await call("shutdown", "shutdown", { sandboxId: "p", sandboxer });
  await call("shutdown again", "shutdown", { sandboxId: "p", sandboxer });
  await status(side, "gone", "p");
  await call("gone: stop", "stop", { sandboxId: "p", sandboxer });
  await side.call("pods: store delete", StoreService, "delete", { sandboxId: "p" });
  await side.quiet(EventsService, "publish", { topic: "/there/end", event: { typeUrl: "t" } });
  await reading;
  open.cancel();
  side.note("pods: what was told", { code: 0, message: "" }, heard);
}

/** Without what is another each time. */
async function status(side: Side, what: string, sandboxId: string): Promise<void> {
  const { outcome, answers } = await side.quiet(S, "status", { sandboxId, sandboxer: "shim", verbose: true });
  const { state, pid = 0, info = {}, createdAt, exitedAt } = answers[0] ?? {};
  const time = (one: { seconds: number } | undefined) => (one?.seconds ?? 0) > 1e9;
  side.note(`pods: ${what}: status`, outcome, [
    ...[answers[0]?.sandboxId, state, pid > 0, Object.keys(info).sort(), time(createdAt), time(exitedAt)],
  ]);
}
