// The same calls to a real containerd and to ours, right and wrong ones: codes, answers and events are the same, but for what is listed here.
import assert from "node:assert/strict";
import { cpSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { checkShown } from "../../support/fields.ts";
import { runMark } from "../../support/run.ts";
import { RealContainerd } from "../ctr/containerd.ts";
import { build, Daemon, until } from "../e2e/daemon.ts";
import { content } from "./same/content.ts";
import { containers, images, leases, namespaces } from "./same/metadata.ts";
import { blobs, layers } from "./same/payloads.ts";
import { pods } from "./same/pods.ts";
import { processes } from "./same/processes.ts";
import { type Outcome, Side } from "./same/side.ts";
import { diff, events, introspection, sandboxes, snapshots } from "./same/stores.ts";
import { tasks } from "./same/tasks.ts";
import { transfers } from "./same/transfers.ts";
import { unknown } from "./same/unknown.ts";

const UNKNOWN = 2;
/** By call, and why; docs/containerd.md tells of them. */
const DIFFERENT: Readonly<Record<string, string>> = {
  "namespaces: update of none": "the answer has the namespace",
  "namespaces: update of all": "the answer has the namespace",
  "namespaces: update of one": "the answer has the namespace",
  "namespaces: update takes a label away": "the answer has the namespace",
  "namespaces: list": "the filter is regarded",
  "leases: labels too long": "refused",
  "leases: remove x snapshots/": "refused",
  "leases: remove  snapshots/overlayfs": "refused",
  "images: list name~=[": "refused",
  "containers: without a spec": "the answer is what is stored",
  "containers: update no spec": "the answer is what is stored",
  "containers: update of all, no spec": "the answer is what is stored",
  "containers: get after": "an extension that an update leaves out is gone",
  "content: no action": "refused",
  "content: nothing": "nothing was asked",
  "content: no digest": "refused",
  "content: write a part": "no digest where one is expected",
  "content: a write of what is there": "no digest where one is expected",
  "content: another ref in one call": "containerd adds times",
  "content: status of negative": "the total is what was said",
  "content: status of bad": "was refused",
  "content: statuses ref": "was refused",
  "blobs: write": "no digest where one is expected",
  "blobs: the same again": "no digest where one is expected",
  "snapshots: update of ": "there is none of that name",
  "snapshots: cleanup": "served",
  "events: publish without an event": "refused",
  "events: forward without a time": "refused",
  "diff: diff of nothing": "refused",
  "sandbox store: a label too long": "refused",
  "sandbox store: delete ll": "was refused",
  "sandbox store: update an extension": "an extension that an update leaves out is gone",
  "sandbox store: update spec": "an extension that an update leaves out is gone",
  "sandbox store: update runtime": "an extension that an update leaves out is gone",
  "sandbox store: get after": "options that an update leaves out are gone",
  "pods: nothing: platform": "served",
  "pods: no id: platform": "served",
  "pods: no controller: platform": "served",
  "pods: an unknown controller: platform": "served",
  "pods: created: platform": "served",
  "pods: running: platform": "served",
  "pods: stopped: platform": "served",
  "pods: nothing: update": "refused",
  "pods: no id: update": "refused",
  "processes: streams: list of another": "the filter is regarded",
  "tasks: exec bad delete": "the time is when it failed",
  "tasks: exec none delete": "the time is when it failed",
  "tasks: ended: kill all": "there is nothing left",
  "tasks: ended: metrics": "there is nothing left",
};

/** Fields that containerd leaves empty, or does not serve: shown by our side alone. */
const OURS = new Set([
  "containerd.services.content.v1.Status.expected",
  "containerd.services.namespaces.v1.UpdateNamespaceResponse.namespace",
  "containerd.services.sandbox.v1.ControllerPlatformRequest.sandboxId",
  "containerd.services.sandbox.v1.ControllerPlatformRequest.sandboxer",
  "containerd.services.sandbox.v1.ControllerPlatformResponse.platform",
  "containerd.services.sandbox.v1.ControllerStartResponse.address",
  "containerd.services.sandbox.v1.ControllerStartResponse.labels",
  "containerd.services.sandbox.v1.ControllerStartResponse.version",
  "containerd.services.sandbox.v1.ControllerStatusResponse.address",
  "containerd.services.sandbox.v1.ControllerStatusResponse.version",
  "containerd.services.snapshots.v1.CleanupRequest.snapshotter",
  "containerd.services.version.v1.VersionResponse.revision",
]);

let daemon: Daemon;
let containerd: RealContainerd;
before(async () => {
  build();
  daemon = await Daemon.start();
  await until("the socket", () => / listening socket=\S+containerd\.sock/.test(daemon.log));
  containerd = await RealContainerd.start(daemon.dir, true);
  const rootfs = join(containerd.dir, "rootfs");
  for (const dir of ["bin", "dev", "proc"]) mkdirSync(join(rootfs, dir), { recursive: true });
  cpSync("/bin/busybox", join(rootfs, "bin/busybox"), { dereference: true });
  for (const name of ["sh", "sleep", "true"]) symlinkSync("busybox", join(rootfs, "bin", name));
});
after(async () => {
  await containerd?.[Symbol.asyncDispose]();
  await daemon?.[Symbol.asyncDispose]();
});

const SCENARIOS: Readonly<Record<string, (side: Side) => Promise<void>>> = {
  "namespaces: answered as by containerd": namespaces,
  "leases: answered as by containerd": leases,
  "images: answered as by containerd": images,
  "containers: answered as by containerd": containers,
  "content: answered as by containerd": content,
  "blobs: answered as by containerd": blobs,
  "snapshots: answered as by containerd": snapshots,
  "events: answered as by containerd": events,
  "introspection: answered as by containerd": introspection,
  "diff: answered as by containerd": diff,
  "layers: answered as by containerd": layers,
  "sandboxes: answered as by containerd": sandboxes,
  "pods: answered as by containerd": pods,
  "transfers: answered as by containerd": transfers,
  "tasks: answered as by containerd": tasks,
  "processes: answered as by containerd": processes,
  "unknown: fields and types that nobody knows are kept as by containerd": unknown,
};
for (const [title, scenario] of Object.entries(SCENARIOS)) {
  test(title, async () => {
    const { dir } = containerd;
    const same = [/\/snapshots\/\d+/g, "/n"] as [RegExp, string];
    const place = (path: string, text: string) => [new RegExp(path, "g"), text] as [RegExp, string];
    const space = `${runMark()}-${title.split(":")[0]}`;
    const theirs = [same, place(join(dir, "root/io.containerd.snapshotter.v1.overlayfs"), "<R>"), place(dir, "<D>")];
    using real = new Side(containerd.socket, dir, false, space, theirs);
    const socket = join(daemon.state, "containerd.sock");
    using ours = new Side(socket, dir, true, space, [same, place(daemon.root, "<R>"), place(dir, "<D>")]);
    await scenario(real);
    await scenario(ours);
    await ours.clear();
    assert.deepEqual(
      ours.outcomes.map((one) => one.name),
      real.outcomes.map((one) => one.name),
    );
    const found = real.outcomes.map((one, i) => difference(one, ours.outcomes[i]!)).filter((one) => one !== undefined);
    assert.deepEqual(found, []);
    const both = real.fields.seen.intersection(ours.fields.seen);
    checkShown(import.meta.filename, title, both.union(ours.fields.seen.intersection(OURS)));
  });
}

function difference(real: Outcome, ours: Outcome): { real: Outcome; ours: Outcome } | undefined {
  assert.notEqual(real.code, -1, `containerd does not survive ${real.name}`);
  assert.notEqual(real.code, -2, `containerd does not answer ${real.name}`);
  if (real.name in DIFFERENT) return undefined;
  // What containerd has no code for has one here, or succeeds, as an abort right after a write.
  if (real.code === UNKNOWN) return undefined;
  const same = real.code === ours.code && isDeepStrictEqual(plain(real), plain(ours));
  return same ? undefined : { real, ours };
}

/** Without what Go makes of a time and an Any that are not there. */
function goless(answer: unknown): unknown {
  const missing = (value: unknown) =>
    value === "-62135596800s0" || isDeepStrictEqual(value, { typeUrl: "", value: "" });
  if (typeof answer !== "object" || answer === null || Array.isArray(answer)) return answer;
  return Object.fromEntries(Object.entries(answer).map(([key, value]) => [key, missing(value) ? undefined : value]));
}

/**
 * containerd ends a writer's stream with its last answer once more, tells of no expectation, and lists mount options and ingests in no order. Of lists
 * of containers and sandboxes, whose extensions differ, it counts which there are.
 */
function plain({ name, answers }: Outcome): unknown {
  if (name.startsWith("pods: ")) return answers.map(goless);
  if (/^(?:containers: (?:list|stream)|sandbox store: list) /.test(name))
    return JSON.stringify(answers).match(/"(?:id|sandboxId)":"[^"]*"/g);
  if (!/^(?:content|blobs)/.test(name) && !name.startsWith("snapshots")) return answers;
  const all = answers.filter((one, i) => i === 0 || !isDeepStrictEqual(one, answers[i - 1]));
  const text = JSON.stringify(all, (key, value) => {
    if (key === "expected") return "";
    return key === "options" ? (value as string[]).filter((one) => one !== "index=off").sort() : value;
  });
  return JSON.parse(text);
}
