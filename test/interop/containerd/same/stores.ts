// Snapshots, events, introspection, diff and sandboxes.
import { createHash } from "node:crypto";
import { join } from "node:path";
import { Options } from "../../../../src/common/gen/containerd/runc/options.ts";
import { ContainersService } from "../../../../src/common/gen/containerd/services/containers.ts";
import { ContentService } from "../../../../src/common/gen/containerd/services/content.ts";
import { DiffService } from "../../../../src/common/gen/containerd/services/diff.ts";
import { EventsService } from "../../../../src/common/gen/containerd/services/events.ts";
import { ImagesService } from "../../../../src/common/gen/containerd/services/images.ts";
import { IntrospectionService } from "../../../../src/common/gen/containerd/services/introspection.ts";
import { LeasesService } from "../../../../src/common/gen/containerd/services/leases.ts";
import { NamespacesService } from "../../../../src/common/gen/containerd/services/namespaces.ts";
import { StoreService } from "../../../../src/common/gen/containerd/services/sandbox.ts";
import { SnapshotsService } from "../../../../src/common/gen/containerd/services/snapshots.ts";
import { VersionService } from "../../../../src/common/gen/containerd/services/version.ts";
import { RuntimeInfo, RuntimeRequest } from "../../../../src/common/gen/containerd/types/introspection.ts";
import { packAny, unpackAny } from "../../../../src/common/protobuf/any.ts";
import { ROOT } from "../../../../tools/lib/native.ts";
import type { Side } from "./side.ts";

const LONG = "x".repeat(4097);
/** What clients look for. */
const PLUGINS = [
  ...["content.v1.content", "differ.v1.walking", "event.v1.exchange", "gc.v1.scheduler", "lease.v1.manager"],
  ...[
    "runtime.v2.task",
    "snapshotter.v1.native",
    "snapshotter.v1.overlayfs",
    "streaming.v1.manager",
    "transfer.v1.local",
  ],
  ...["monitor.container.v1.restart", "sandbox.controller.v1.shim", "sandbox.store.v1.local"],
  ...["containers", "content", "diff", "events", "healthcheck", "images", "introspection", "leases", "namespaces"].map(
    grpc,
  ),
  ...["sandboxes", "snapshots", "streaming", "tasks", "transfer", "version"].map(grpc),
].map((name) => `io.containerd.${name}`);

function grpc(name: string): string {
  return `grpc.v1.${name}`;
}

const DIGEST = `sha256:${"a".repeat(64)}`;

export async function snapshots(side: Side): Promise<void> {
  const S = SnapshotsService;
  const call = <M extends keyof typeof S.methods>(
    name: string,
    method: M,
    request: Parameters<typeof side.call<typeof S, M>>[3],
  ) => side.call(`snapshots: ${name}`, S, method, request, { lease: "held" });
  await side.quiet(LeasesService, "create", { id: "held" });
  const snapshotter = "overlayfs";
  const roots = { "containerd.io/gc.root": "x" };
  for (const bad of ["", "nothing"]) {
    await call(`prepare with ${bad}`, "prepare", { snapshotter: bad, key: "x" });
    await call(`view with ${bad}`, "view", { snapshotter: bad, key: "x" });
    await call(`stat with ${bad}`, "stat", { snapshotter: bad, key: "x" });
    await call(`list with ${bad}`, "list", { snapshotter: bad });
    await call(`usage with ${bad}`, "usage", { snapshotter: bad, key: "x" });
    await call(`mounts with ${bad}`, "mounts", { snapshotter: bad, key: "x" });
    await call(`remove with ${bad}`, "remove", { snapshotter: bad, key: "x" });
    await call(`commit with ${bad}`, "commit", { snapshotter: bad, key: "x", name: "y" });
    await call(`update with ${bad}`, "update", { snapshotter: bad, info: { name: "x" } });
    await call(`cleanup with ${bad}`, "cleanup", { snapshotter: bad });
  }
  for (const key of ["", "nothing"]) {
    await call(`stat of ${key}`, "stat", { snapshotter, key });
    await call(`mounts of ${key}`, "mounts", { snapshotter, key });
    await call(`usage of ${key}`, "usage", { snapshotter, key });
    await call(`remove of ${key}`, "remove", { snapshotter, key });
    await call(`commit of ${key}`, "commit", { snapshotter, key, name: "y" });
    await call(`update of ${key}`, "update", { snapshotter, info: { name: key, labels: { a: "1" } } });
    await call(`prepare on ${key}`, "prepare", { snapshotter, key: `on${key}`, parent: key });
    await call(`view on ${key}`, "view", { snapshotter, key: `view${key}`, parent: key });
    await call(`remove`, "remove", { snapshotter, key: `on${key}` });
    await call(`remove`, "remove", { snapshotter, key: `view${key}` });
  }
  await call("prepare without a key", "prepare", { snapshotter, key: "" });
  await call("view without a key", "view", { snapshotter, key: "" });
  await call("prepare", "prepare", {
    snapshotter,
    key: "a",
    labels: { ...roots, "user.x": "1", "containerd.io/snapshot/overlay.y": "2" },
  });
  await call("prepare again", "prepare", { snapshotter, key: "a" });
  await call("a view of the same name", "view", { snapshotter, key: "a" });
  await call("stat", "stat", { snapshotter, key: "a" });
  await call("mounts", "mounts", { snapshotter, key: "a" });
  await call("usage", "usage", { snapshotter, key: "a" });
  await call("a strange key", "prepare", { snapshotter, key: "a/b c \u00e4\n" });
  await call("remove it", "remove", { snapshotter, key: "a/b c \u00e4\n" });
  await call("labels too long", "prepare", { snapshotter, key: "long", labels: { a: LONG } });
  await call("prepare on an active one", "prepare", { snapshotter, key: "b", parent: "a" });
  await call("commit without a name", "commit", { snapshotter, key: "a", name: "" });
  await call("commit to the name of an active one", "commit", { snapshotter, key: "a", name: "a" });
  await call("commit", "commit", { snapshotter, key: "a", name: "A", labels: { ...roots, c: "1" } });
  await call("commit again", "commit", { snapshotter, key: "a", name: "A" });
  await call("stat of the key", "stat", { snapshotter, key: "a" });
  await call("stat of the name", "stat", { snapshotter, key: "A" });
  await call("mounts of a committed one", "mounts", { snapshotter, key: "A" });
  await call("usage of a committed one", "usage", { snapshotter, key: "A" });
  await call("commit of a committed one", "commit", { snapshotter, key: "A", name: "AA" });
  await call("prepare on it", "prepare", { snapshotter, key: "b", parent: "A", labels: roots });
  await call("view on it", "view", { snapshotter, key: "v", parent: "A", labels: roots });
  await call("commit of a view", "commit", { snapshotter, key: "v", name: "V" });
  await call("mounts of a view", "mounts", { snapshotter, key: "v" });
  await call("usage of a view", "usage", { snapshotter, key: "v" });
  await call("remove of a parent", "remove", { snapshotter, key: "A" });
  await call("commit over another", "commit", { snapshotter, key: "b", name: "A" });
  await call("commit, labels too long", "commit", { snapshotter, key: "b", name: "B", labels: { a: LONG } });
  await call("commit", "commit", { snapshotter, key: "b", name: "B", labels: roots });
  await call("view of two", "view", { snapshotter, key: "v2", parent: "B", labels: roots });
  await call("a view on a view", "view", { snapshotter, key: "v3", parent: "v2" });
  await call("prepare with the name of a committed one", "prepare", { snapshotter, key: "B" });
  const update = (what: string, info: object, ...paths: string[]) =>
    call(`update ${what}`, "update", { snapshotter, info: { name: "B", ...info }, updateMask: { paths } });
  await update("all", { labels: { ...roots, q: "1" } });
  await update("labels", { labels: { ...roots, r: "1" } }, "labels");
  await update("one", { labels: { s: "2", t: "3" } }, "labels.s");
  await update("one away", { labels: {} }, "labels.s");
  await update("the parent", { parent: "x" }, "parent");
  await update("the kind", { kind: 1 }, "kind");
  await update("the name", {}, "name");
  await update("an unknown", {}, "bogus");
  await update("too long", { labels: { a: LONG } }, "labels");
  await call("stat after", "stat", { snapshotter, key: "B" });
  for (const filter of [
    "name==A",
    "parent==A",
    "parent",
    "kind==active",
    "kind==view",
    "kind==committed",
    "kind==Committed",
    "labels.r==1",
    "labels.r",
    "bogus",
    "name==A,kind==committed",
    "name~=^[AB]$",
    "kind",
    "name==",
  ])
    await call(`list ${filter}`, "list", { snapshotter, filters: [filter] });
  await call("list", "list", { snapshotter });
  await call("usage of B", "usage", { snapshotter, key: "B" });
  for (const key of ["v", "v2", "B", "A", "A"]) await call(`remove ${key}`, "remove", { snapshotter, key });
  await call("cleanup", "cleanup", { snapshotter });
  await call("list after", "list", { snapshotter });
  await side.call("snapshots: without a namespace", S, "list", { snapshotter }, { namespace: "" });
  await side.call("snapshots: without a namespace", S, "stat", { snapshotter, key: "x" }, { namespace: "" });
  // a reference to what does not exist
  await call("a target without ref", "prepare", {
    snapshotter,
    key: "t",
    labels: { "containerd.io/snapshot.ref": "T" },
  });
  await call("its key", "stat", { snapshotter, key: "t" });
  await call("its name", "stat", { snapshotter, key: "T" });
  await call("commit", "commit", {
    snapshotter,
    key: "t",
    name: "T",
    labels: { ...roots, "containerd.io/snapshot.ref": "T" },
  });
  await call("the same ref again", "prepare", {
    snapshotter,
    key: "t2",
    labels: { "containerd.io/snapshot.ref": "T" },
  });
  const other = { namespace: `${side.space}-o`, lease: "held" };
  await side.quiet(LeasesService, "create", { id: "held" }, { namespace: other.namespace });
  await side.call(
    "snapshots: the same ref in another namespace",
    S,
    "prepare",
    { snapshotter, key: "t3", labels: { "containerd.io/snapshot.ref": "T" } },
    other,
  );
  await side.call("snapshots: the name there", S, "stat", { snapshotter, key: "T" }, other);
  await call("remove", "remove", { snapshotter, key: "T" });
  await call("remove", "remove", { snapshotter, key: "t2" });
}

export async function events(side: Side): Promise<void> {
  const S = EventsService;
  const call = <M extends keyof typeof S.methods>(
    name: string,
    method: M,
    request: Parameters<typeof side.call<typeof S, M>>[3],
    options = {},
  ) => side.call(`events: ${name}`, S, method, request, options);
  const event = { typeUrl: "containerd.events.NamespaceCreate", value: Uint8Array.of(10, 1, 97) };
  await call("publish without a topic", "publish", { topic: "", event });
  await call("publish without a slash", "publish", { topic: "a", event });
  await call("a bad topic", "publish", { topic: "/", event });
  await call("a bad topic", "publish", { topic: "/a/", event });
  await call("a bad topic", "publish", { topic: "/a b", event });
  await call("a bad topic", "publish", { topic: "//a", event });
  await call("a bad topic", "publish", { topic: "/a..b", event });
  await call("publish", "publish", { topic: "/a/b", event });
  await call("publish without an event", "publish", { topic: "/a/b" });
  await call("publish of an unknown type", "publish", {
    topic: "/a/b",
    event: { typeUrl: "no.such.Type", value: Uint8Array.of(1) },
  });
  await call("publish without a namespace", "publish", { topic: "/a/b", event }, { namespace: "" });
  await call("forward without a namespace", "forward", {
    envelope: { timestamp: { seconds: 1, nanos: 0 }, namespace: "", topic: "/a", event },
  });
  await call("forward in a bad namespace", "forward", {
    envelope: { timestamp: { seconds: 1, nanos: 0 }, namespace: "a/b", topic: "/a", event },
  });
  await call("forward with a bad topic", "forward", {
    envelope: { timestamp: { seconds: 1, nanos: 0 }, namespace: "x", topic: "a", event },
  });
  await call("forward without a time", "forward", { envelope: { namespace: "x", topic: "/a", event } });
  await call("forward", "forward", {
    envelope: { timestamp: { seconds: 1, nanos: 2 }, namespace: "x", topic: "/a", event },
  });
  await call(
    "forward without a namespace of its own",
    "forward",
    { envelope: { timestamp: { seconds: 1, nanos: 2 }, namespace: "x", topic: "/a", event } },
    { namespace: "" },
  );
  await call("a bad filter", "subscribe", { filters: ["topic="] });
  // what is told, in which order
  const heard: unknown[] = [];
  const filters = ['topic=="/there"', `namespace==${side.space}`, `namespace==${side.space}-e`, 'topic=="/mine"'];
  const open = side.open(S, "subscribe", { namespace: "" });
  open.send({ filters });
  open.end();
  const reading = (async () => {
    for (let one = await open.next(); one; one = await open.next()) {
      if (one.topic === "/there") side.there();
      else heard.push([one.namespace, one.topic, one.event, (one.timestamp?.seconds ?? 0) > 1e9]);
      if (one.topic === "/mine") break;
    }
  })();
  await side.subscribed();
  const { space } = side;
  const target = { mediaType: "m", digest: DIGEST, size: 3 };
  const runtime = { name: "io.containerd.runc.v2" };
  const spec = { typeUrl: "s", value: Uint8Array.of(1) };
  const snapshot = { snapshotter: "overlayfs", snapshotKey: "k" };
  await side.quiet(
    NamespacesService,
    "create",
    { namespace: { name: `${space}-e`, labels: { a: "1" } } },
    { namespace: "" },
  );
  await side.quiet(
    NamespacesService,
    "update",
    { namespace: { name: `${space}-e`, labels: { a: "2" } }, updateMask: { paths: ["labels.a"] } },
    { namespace: "" },
  );
  await side.quiet(NamespacesService, "delete", { name: `${space}-e` }, { namespace: "" });
  await side.quiet(ImagesService, "create", { image: { name: "ev", labels: { b: "1" }, target } });
  await side.quiet(ImagesService, "update", { image: { name: "ev", labels: { b: "2" }, target } });
  await side.quiet(ImagesService, "delete", { name: "ev" });
  await side.quiet(ContainersService, "create", {
    container: { id: "ev", labels: { c: "1" }, image: "i", runtime: { ...runtime, options: spec }, spec, ...snapshot },
  });
  await side.quiet(ContainersService, "update", {
    container: { id: "ev", ...snapshot, snapshotKey: "l" },
    updateMask: { paths: ["snapshotkey"] },
  });
  await side.quiet(ContainersService, "update", {
    container: { id: "ev", labels: { c: "2" } },
    updateMask: { paths: ["labels"] },
  });
  await side.quiet(ContainersService, "delete", { id: "ev" });
  await side.quiet(SnapshotsService, "prepare", {
    snapshotter: "overlayfs",
    key: "ev",
    labels: { "containerd.io/gc.root": "x" },
  });
  await side.quiet(SnapshotsService, "commit", {
    snapshotter: "overlayfs",
    key: "ev",
    name: "EV",
    labels: { "containerd.io/gc.root": "x" },
  });
  await side.quiet(SnapshotsService, "update", {
    snapshotter: "overlayfs",
    info: { name: "EV", labels: { "containerd.io/gc.root": "y" } },
  });
  await side.quiet(SnapshotsService, "view", {
    snapshotter: "overlayfs",
    key: "evv",
    parent: "EV",
    labels: { "containerd.io/gc.root": "x" },
  });
  await side.quiet(SnapshotsService, "remove", { snapshotter: "overlayfs", key: "evv" });
  await side.quiet(SnapshotsService, "prepare", {
    snapshotter: "overlayfs",
    key: "evp",
    parent: "EV",
    labels: { "containerd.io/gc.root": "x" },
  });
  await side.quiet(SnapshotsService, "remove", { snapshotter: "overlayfs", key: "evp" });
  await side.quiet(SnapshotsService, "remove", { snapshotter: "overlayfs", key: "EV" });
  await side.quiet(LeasesService, "create", { id: "ev" });
  await side.quiet(LeasesService, "delete", { id: "ev" });
  await side.quiet(StoreService, "create", { sandbox: { sandboxId: "ev", runtime, spec, sandboxer: "shim" } });
  await side.quiet(StoreService, "delete", { sandboxId: "ev" });
  const own = Buffer.from("told");
  await side.quiet(ContentService, "write", [
    { action: 1, ref: "ev", data: own },
    { action: 2, ref: "ev", offset: own.length, labels: { "containerd.io/gc.root": "x" } },
  ]);
  await side.quiet(ContentService, "delete", { digest: `sha256:${createHash("sha256").update(own).digest("hex")}` });
  await side.quiet(S, "publish", { topic: "/mine", event });
  await reading;
  side.note("events: what was told", { code: 0, message: "" }, heard);
  open.cancel();
}

export async function introspection(side: Side): Promise<void> {
  const S = IntrospectionService;
  const call = <M extends keyof typeof S.methods>(
    name: string,
    method: M,
    request: Parameters<typeof side.call<typeof S, M>>[3],
  ) => side.call(`introspection: ${name}`, S, method, request);
  await call("plugins, a bad filter", "plugins", { filters: ["type="] });
  await call("plugins of none", "plugins", { filters: ["type==nothing"] });
  const { answers: found } = await side.quiet(S, "plugins", {});
  const served = found[0]!.plugins.map(({ type, id }) => `${type}.${id}`);
  side.note("introspection: plugins", { code: 0, message: "" }, [PLUGINS.filter((name) => served.includes(name))]);
  await call("plugin info of none", "pluginInfo", { type: "x", id: "y" });
  await call("plugin info without an id", "pluginInfo", { type: "io.containerd.snapshotter.v1", id: "" });
  await call("plugin info of overlayfs with options", "pluginInfo", {
    type: "io.containerd.snapshotter.v1",
    id: "overlayfs",
    options: { typeUrl: "x", value: Uint8Array.of(1) },
  });
  const asked = await side.quiet(S, "pluginInfo", {
    type: "io.containerd.runtime.v2",
    id: "task",
    options: packAny(RuntimeRequest, {
      runtimePath: "io.containerd.runt.v2",
      options: packAny(Options, { binaryName: join(ROOT, "dist/bin/runt") }),
    }),
  });
  const { plugin, extra } = asked.answers[0] ?? {};
  const { name, version: told, options, features, annotations = {} } = extra ? unpackAny(RuntimeInfo, extra) : {};
  side.note("introspection: what a runtime is", asked.outcome, [
    ...[plugin?.type, plugin?.id, extra?.typeUrl, name, Object.keys(told ?? {})],
    ...[options?.typeUrl, features?.typeUrl, Object.keys(annotations).sort()],
  ]);
  const { outcome, answers } = await side.quiet(S, "server", {});
  const { uuid, pid, pidns, deprecations } = answers[0]!;
  side.note("introspection: server", outcome, [
    /^[0-9a-f-]{36}$/.test(uuid),
    Number(pid) > 0,
    Number(pidns) > 0,
    deprecations,
  ]);
  const version = await side.quiet(VersionService, "version", {});
  side.note("version", version.outcome, [Object.keys(version.answers[0]!)]);
}

export async function diff(side: Side): Promise<void> {
  const S = DiffService;
  const call = <M extends keyof typeof S.methods>(
    name: string,
    method: M,
    request: Parameters<typeof side.call<typeof S, M>>[3],
  ) => side.call(`diff: ${name}`, S, method, request);
  const mounts = [{ type: "bind", source: `${side.dir}/nothing`, target: "", options: ["rbind", "rw"] }];
  await call("apply of none", "apply", {
    diff: { mediaType: "application/vnd.oci.image.layer.v1.tar", digest: DIGEST, size: 3 },
    mounts,
  });
  await call("apply of an unknown type", "apply", {
    diff: { mediaType: "text/plain", digest: DIGEST, size: 3 },
    mounts,
  });
  await call("apply of no digest", "apply", {
    diff: { mediaType: "application/vnd.oci.image.layer.v1.tar", digest: "x", size: 3 },
    mounts,
  });
  await call("diff of an unknown type", "diff", { left: [], right: mounts, mediaType: "text/plain" });
  await call("diff of nothing", "diff", { left: [], right: [] });
  await call("diff of what is not there", "diff", { left: [], right: mounts });
}

export async function sandboxes(side: Side): Promise<void> {
  const S = StoreService;
  const call = <M extends keyof typeof S.methods>(
    name: string,
    method: M,
    request: Parameters<typeof side.call<typeof S, M>>[3],
  ) => side.call(`sandbox store: ${name}`, S, method, request);
  const any = { typeUrl: "s.S", value: Uint8Array.of(1, 2) };
  const one = {
    sandboxId: "one",
    runtime: { name: "io.containerd.runc.v2", options: any },
    spec: any,
    labels: { a: "1" },
    extensions: { e: any },
    sandboxer: "shim",
  };
  await call("get of none", "get", { sandboxId: "nothing" });
  await call("get without an id", "get", {});
  await call("delete of none", "delete", { sandboxId: "nothing" });
  await call("update of none", "update", { sandbox: { ...one, sandboxId: "nothing" } });
  await call("list of none", "list", {});
  for (const sandboxId of ["", "a/b", "a b"])
    await call(`create ${sandboxId}`, "create", { sandbox: { ...one, sandboxId } });
  await call("without a runtime's name", "create", { sandbox: { ...one, sandboxId: "rn", runtime: { name: "" } } });
  await call("without a sandboxer", "create", { sandbox: { ...one, sandboxId: "s", sandboxer: "" } });
  await call("without a spec", "create", { sandbox: { ...one, sandboxId: "sp", spec: undefined } });
  await call("an unknown sandboxer", "create", { sandbox: { ...one, sandboxId: "us", sandboxer: "bogus" } });
  await call("an extension without a name", "create", {
    sandbox: { ...one, sandboxId: "en", extensions: { "": any } },
  });
  await call("a label too long", "create", { sandbox: { ...one, sandboxId: "ll", labels: { a: LONG } } });
  await call("create", "create", { sandbox: one });
  await call("create again", "create", { sandbox: one });
  await call("get", "get", { sandboxId: "one" });
  await call("update all", "update", { sandbox: { ...one, labels: { b: "2" } } });
  await call("update labels", "update", { sandbox: { ...one, labels: { c: "3" } }, fields: ["labels"] });
  await call("update one", "update", { sandbox: { ...one, labels: { d: "4", x: "5" } }, fields: ["labels.d"] });
  await call("update extensions", "update", { sandbox: { ...one, extensions: { f: any } }, fields: ["extensions"] });
  await call("update an extension", "update", {
    sandbox: { ...one, extensions: { g: any } },
    fields: ["extensions.g"],
  });
  await call("update spec", "update", {
    sandbox: { ...one, spec: { typeUrl: "t", value: Uint8Array.of(9) } },
    fields: ["spec"],
  });
  await call("update runtime", "update", { sandbox: { ...one, runtime: { name: "x" } }, fields: ["runtime"] });
  await call("update runtime.options", "update", { sandbox: one, fields: ["runtime.options"] });
  await call("update sandboxer", "update", { sandbox: { ...one, sandboxer: "y" }, fields: ["sandboxer"] });
  await call("update bogus", "update", { sandbox: one, fields: ["bogus"] });
  await call("get after", "get", { sandboxId: "one" });
  for (const filter of [
    "id==one",
    "labels.c",
    "runtime.name==io.containerd.runc.v2",
    "sandboxer==shim",
    "sandbox_id==one",
    "bogus",
    "id=",
    "labels.c==3",
    "spec",
    "extensions.e",
    "id~=o",
  ])
    await call(`list ${filter}`, "list", {
      filters: [`${filter}`.includes("=") && filter.endsWith("=") ? filter : `${filter},id==one`],
    });
  await call("delete without an id", "delete", {});
  for (const sandboxId of ["one", "r", "rn", "s", "sp", "us", "en", "ll"])
    await call(`delete ${sandboxId}`, "delete", { sandboxId });
}
