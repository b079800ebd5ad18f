// Clients and shims that know more than the daemon: fields in every message, within Any and in what it holds, and types that nobody has heard of.
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { TaskExit } from "../../../../src/common/gen/containerd/events/task.ts";
import { EventsService as ShimEvents } from "../../../../src/common/gen/containerd/events/ttrpc.ts";
import { Options } from "../../../../src/common/gen/containerd/runc/options.ts";
import { ContainersService } from "../../../../src/common/gen/containerd/services/containers.ts";
import { EventsService } from "../../../../src/common/gen/containerd/services/events.ts";
import { ImagesService } from "../../../../src/common/gen/containerd/services/images.ts";
import { LeasesService } from "../../../../src/common/gen/containerd/services/leases.ts";
import { NamespacesService } from "../../../../src/common/gen/containerd/services/namespaces.ts";
import { StoreService } from "../../../../src/common/gen/containerd/services/sandbox.ts";
import { SnapshotsService } from "../../../../src/common/gen/containerd/services/snapshots.ts";
import { TasksService } from "../../../../src/common/gen/containerd/services/tasks.ts";
import { packAny } from "../../../../src/common/protobuf/any.ts";
import { encode } from "../../../../src/common/protobuf/codec.ts";
import { unknownFields } from "../../../../src/common/protobuf/schema.ts";
import { connectTtrpc } from "../../../../src/daemon/shim/ttrpc.ts";
import type { Side } from "./side.ts";

/** Fields 1000 and 1001: the number 7 and the text "new". */
const NEW = Uint8Array.of(0xc0, 0x3e, 7, 0xca, 0x3e, 3, 0x6e, 0x65, 0x77);
/** The object with fields that no definition has. */
const more = <T extends object>(value: T): T => Object.assign(value, { [unknownFields]: NEW });
/** A type that nobody knows, with bytes that are no message. */
const any = (typeUrl: string) => more({ typeUrl, value: Uint8Array.of(0xff, 0, 0xc3, 0x28) });
const runtime = () => more({ name: "io.containerd.runt.v2", options: any("new.Options/v9\n1") });

export async function unknown(side: Side): Promise<void> {
  await containers(side);
  await others(side);
  await events(side);
  await options(side);
}

async function containers(side: Side): Promise<void> {
  const id = "unknown";
  const extensions = { e: any("new.Extension"), f: more({ typeUrl: "", value: new Uint8Array(0) }) };
  const container = more({ id, runtime: runtime(), spec: any("new.Spec"), extensions });
  await side.call("unknown: container", ContainersService, "create", more({ container }));
  await side.call("unknown: container: get", ContainersService, "get", more({ id }));
  await side.call("unknown: container: an extension", ContainersService, "update", {
    container: more({ id, extensions: { g: any("new.\n"), e: { typeUrl: "old", value: Uint8Array.of(1) } } }),
    updateMask: more({ paths: ["extensions.g", "extensions.e"] }),
  });
  await side.call("unknown: container: labels", ContainersService, "update", {
    container: { id, labels: { a: "1" } },
    updateMask: { paths: ["labels"] },
  });
  await side.call("unknown: container: list", ContainersService, "list", { filters: [] });
  await side.call("unknown: container: delete", ContainersService, "delete", { id });
  const sandbox = more({ sandboxId: id, runtime: runtime(), spec: any("new.Spec"), extensions, sandboxer: "shim" });
  await side.call("unknown: sandbox", StoreService, "create", more({ sandbox }));
  await side.call("unknown: sandbox: get", StoreService, "get", { sandboxId: id });
  await side.call("unknown: sandbox: delete", StoreService, "delete", { sandboxId: id });
}

/** Whose fields are all known to the daemon, or gone. */
async function others(side: Side): Promise<void> {
  const target = more({ mediaType: "new/type", digest: `sha256:${"b".repeat(64)}`, size: 1, annotations: { a: "1" } });
  await side.call("unknown: image", ImagesService, "create", more({ image: more({ name: "unknown", target }) }));
  await side.call("unknown: image: get", ImagesService, "get", { name: "unknown" });
  await side.call("unknown: image: delete", ImagesService, "delete", { name: "unknown" });
  const namespace = more({ name: `${side.space}-u`, labels: { a: "1" } });
  const none = { namespace: "" };
  await side.call("unknown: namespace", NamespacesService, "create", more({ namespace }), none);
  await side.call("unknown: namespace: get", NamespacesService, "get", { name: namespace.name }, none);
  await side.call("unknown: namespace: delete", NamespacesService, "delete", { name: namespace.name }, none);
  await side.call("unknown: lease", LeasesService, "create", more({ id: "unknown" }));
  const resource = more({ type: "content", id: target.digest });
  await side.call("unknown: lease: add", LeasesService, "addResource", { id: "unknown", resource });
  await side.call("unknown: lease: resources", LeasesService, "listResources", { id: "unknown" });
  await side.call("unknown: lease: delete", LeasesService, "delete", { id: "unknown" });
  const snapshot = { snapshotter: "overlayfs", key: "unknown" };
  await side.call("unknown: snapshot", SnapshotsService, "prepare", more({ ...snapshot, parent: "" }));
  await side.call("unknown: snapshot: stat", SnapshotsService, "stat", snapshot);
  await side.call("unknown: snapshot: delete", SnapshotsService, "remove", snapshot);
}

/** What clients publish and shims tell comes to subscribers as it was sent. */
async function events(side: Side): Promise<void> {
  const heard: unknown[] = [];
  const open = side.open(EventsService, "subscribe", { namespace: "" });
  open.send(
    more({ filters: ["event.container_id==nobody", 'topic=="/there"', `namespace==${side.space},topic~=^/unknown`] }),
  );
  open.end();
  const reading = (async () => {
    for (let one = await open.next(); one && one.topic !== "/unknown/end"; one = await open.next()) {
      if (one.topic === "/there") side.there();
      else heard.push(one);
    }
  })();
  await side.subscribed();
  // known, with fields that are not; a known type whose bytes are not; and one that nobody has heard of
  const exit = more({
    typeUrl: "containerd.events.TaskExit",
    value: encode(TaskExit, more({ containerId: "c", pid: 1 })),
  });
  const broken = more({ typeUrl: "containerd.events.TaskExit", value: Uint8Array.of(0x0a, 0xff) });
  const timestamp = more({ seconds: Math.floor(Date.now() / 1000) + 1, nanos: 6 });
  using shim = await connectTtrpc(side.ttrpc);
  const told = shim.connection.client(ShimEvents);
  for (const [name, event] of Object.entries({ exit, broken, other: any("new.Event") })) {
    await side.call(`unknown: publish ${name}`, EventsService, "publish", more({ topic: "/unknown/published", event }));
    const envelope = more({ timestamp, namespace: side.space, topic: "/unknown/forwarded", event });
    await side.call(`unknown: forward ${name}`, EventsService, "forward", more({ envelope }));
    await told.forward(more({ envelope: { ...envelope, topic: "/unknown/told" } }));
  }
  await side.quiet(EventsService, "publish", { topic: "/unknown/end", event: { typeUrl: "t" } });
  await reading;
  side.note("unknown: what was told", { code: 0, message: "" }, heard);
  open.cancel();
}

/** A shim gets the options of its runtime as they were given. */
async function options(side: Side): Promise<void> {
  const id = "given";
  const shim = join(side.dir, `containerd-shim-given-${side.ours}`);
  writeFileSync(shim, `#!/bin/sh\nfor last; do :; done\n[ "$last" = start ] && exec cat > ${shim}.stdin\n`);
  chmodSync(shim, 0o755);
  const spec = { typeUrl: "types.containerd.io/opencontainers/runtime-spec/1/Spec", value: Buffer.from("{}") };
  const runtime = { name: shim, options: any("new.Options") };
  await side.quiet(ContainersService, "create", { container: { id, runtime, spec } });
  const own = packAny(Options, more({ binaryName: "runc" }));
  for (const [name, options] of Object.entries({ "the container's": undefined, "the task's": more(own) })) {
    await side.quiet(TasksService, "create", { containerId: id, options });
    side.note(`unknown: ${name} options`, { code: 0, message: "" }, [readFileSync(`${shim}.stdin`)]);
  }
  await side.quiet(ContainersService, "delete", { id });
}
