// Namespaces, leases, images and containers: what can be said rightly and wrongly.
import { ContainersService } from "../../../../src/common/gen/containerd/services/containers.ts";
import { ImagesService } from "../../../../src/common/gen/containerd/services/images.ts";
import { LeasesService } from "../../../../src/common/gen/containerd/services/leases.ts";
import { NamespacesService } from "../../../../src/common/gen/containerd/services/namespaces.ts";
import { encodeUtf8 } from "../../../../src/common/utf8.ts";
import type { Side } from "./side.ts";

const DIGEST = `sha256:${"a".repeat(64)}`;
const LONG = "x".repeat(4097);

export async function namespaces(side: Side): Promise<void> {
  const S = NamespacesService;
  const one = `${side.space}-a`;
  const call = <M extends keyof typeof S.methods>(
    name: string,
    method: M,
    request: Parameters<typeof side.call<typeof S, M>>[3],
  ) => side.call(`namespaces: ${name}`, S, method, request, { namespace: "" });
  await call("get of none", "get", { name: "nothing" });
  await call("get without a name", "get", { name: "" });
  for (const bad of [
    "",
    "a/b",
    "-a",
    "a-",
    "a b",
    "ä",
    "A",
    "a..b",
    "a_b",
    "a.b",
    "x".repeat(76),
    "x".repeat(77),
    LONG,
    "_a",
    "0",
  ]) {
    await call(`create ${JSON.stringify(bad).slice(0, 90)}`, "create", { namespace: { name: bad } });
    await call(`delete ${JSON.stringify(bad).slice(0, 90)}`, "delete", { name: bad });
  }
  await call("create", "create", { namespace: { name: one, labels: { a: "1", "b/c": "2", "": "x" } } });
  await call("create again", "create", { namespace: { name: one } });
  await call("get", "get", { name: one });
  await call("a label that is too long", "create", { namespace: { name: `${one}2`, labels: { [LONG]: "" } } });
  await call("a label's value that is too long", "create", { namespace: { name: `${one}2`, labels: { a: LONG } } });
  await call("a label that is just not too long", "create", {
    namespace: { name: `${one}2`, labels: { abc: "x".repeat(4093) } },
  });
  await call("update of none", "update", { namespace: { name: "nothing", labels: { a: "1" } } });
  await call("update of none with a mask", "update", {
    namespace: { name: "nothing", labels: { a: "1" } },
    updateMask: { paths: ["labels"] },
  });
  await call("update of all", "update", { namespace: { name: one, labels: { a: "2", d: "4" } } });
  await call("get after", "get", { name: one });
  await call("update of one", "update", {
    namespace: { name: one, labels: { a: "3", e: "5" } },
    updateMask: { paths: ["labels.a"] },
  });
  await call("get after", "get", { name: one });
  await call("update takes a label away", "update", {
    namespace: { name: one, labels: { a: "" } },
    updateMask: { paths: ["labels.a"] },
  });
  await call("get after", "get", { name: one });
  await call("update by labels", "update", {
    namespace: { name: one, labels: { z: "26" } },
    updateMask: { paths: ["labels"] },
  });
  await call("get after", "get", { name: one });
  await call("update of another field", "update", {
    namespace: { name: one, labels: {} },
    updateMask: { paths: ["name"] },
  });
  await call("update of an unknown field", "update", {
    namespace: { name: one, labels: {} },
    updateMask: { paths: ["bogus"] },
  });
  await call("update too long", "update", { namespace: { name: one, labels: { a: LONG } } });
  await call("update too long, by key", "update", {
    namespace: { name: one, labels: { a: LONG } },
    updateMask: { paths: ["labels.a"] },
  });
  await call("get after", "get", { name: one });
  await call("delete", "delete", { name: one });
  await call("delete again", "delete", { name: one });
  await call("delete", "delete", { name: `${one}2` });
  // with contents
  await side.call(
    "namespaces: a lease makes one",
    LeasesService,
    "create",
    { id: "l" },
    { namespace: `${side.space}-b` },
  );
  await call("made by its contents", "get", { name: `${side.space}-b` });
  await side.call(
    "namespaces: an image",
    ImagesService,
    "create",
    { image: { name: "i", target: { mediaType: "m", digest: DIGEST, size: 1 } } },
    { namespace: `${side.space}-b` },
  );
  await call("delete a full one", "delete", { name: `${side.space}-b` });
  await side.call("namespaces: lease delete", LeasesService, "delete", { id: "l" }, { namespace: `${side.space}-b` });
  await call("delete one with an image", "delete", { name: `${side.space}-b` });
  await side.call("namespaces: image delete", ImagesService, "delete", { name: "i" }, { namespace: `${side.space}-b` });
  await call("delete an empty one", "delete", { name: `${side.space}-b` });
  await call("list", "list", { filter: "name==nothing" });
  // what a call in a namespace says that cannot be
  for (const bad of ["a/b", "-a", "ä", LONG, "a,b", "a b"]) {
    await side.call(
      `namespaces: a call in ${JSON.stringify(bad).slice(0, 20)}`,
      ImagesService,
      "list",
      {},
      { namespace: bad === "ä" ? "\u00e4" : bad },
    );
    await side.call(
      `namespaces: a create in ${JSON.stringify(bad).slice(0, 20)}`,
      LeasesService,
      "create",
      { id: "q" },
      { namespace: bad },
    );
  }
  await side.call("namespaces: a call without", ImagesService, "list", {}, { namespace: "" });
  await side.call("namespaces: an unknown one", ImagesService, "list", {}, { namespace: "nobodys" });
  await side.call("namespaces: an unknown one", ContainersService, "get", { id: "x" }, { namespace: "nobodys" });
}

export async function leases(side: Side): Promise<void> {
  const S = LeasesService;
  const call = <M extends keyof typeof S.methods>(
    name: string,
    method: M,
    request: Parameters<typeof side.call<typeof S, M>>[3],
  ) => side.call(`leases: ${name}`, S, method, request);
  await call("delete of none", "delete", { id: "nothing" });
  await call("resources of none", "listResources", { id: "nothing" });
  await call("add to none", "addResource", { id: "nothing", resource: { id: "i", type: "image" } });
  await call("create", "create", { id: "one", labels: { a: "1", "containerd.io/gc.expire": "2099-01-01T00:00:00Z" } });
  await call("create again", "create", { id: "one" });
  const made = await side.quiet(S, "create", { labels: { named: "no" } });
  side.note("leases: without an id", made.outcome, [made.answers[0]?.lease?.id === ""]);
  for (const bad of ["a/b", " ", "ä", "-", "x".repeat(80), "a b", LONG])
    await call(`create ${bad.slice(0, 8)}`, "create", { id: bad });
  await call("labels too long", "create", { id: "two", labels: { a: LONG } });
  await call("expire that is no time", "create", { id: "two2", labels: { "containerd.io/gc.expire": "tomorrow" } });
  await call("flat", "create", { id: "three", labels: { "containerd.io/gc.flat": "x" } });
  await call("list", "list", { filters: ["id==one"] });
  await call("list by label", "list", { filters: ["labels.a==1"] });
  await call("list by a label's presence", "list", { filters: ['labels."containerd.io/gc.flat"'] });
  await call("list, several", "list", { filters: ["id==one", "id==three"] });
  await call("list, a bad filter", "list", { filters: ["id="] });
  await call("list, an unknown field", "list", { filters: ["bogus==1"] });
  for (const [id, type] of [
    ["x", "image"],
    ["x", "container"],
    [DIGEST, "content"],
    ["x", "ingests"],
    ["x", "snapshots/overlayfs"],
    ["x", "snapshots/nothing"],
    ["x", "snapshots"],
    ["x", "snapshots/"],
    ["bad", "content"],
    ["x", "content/y"],
    ["x", "ingests/y"],
    ["x", "bogus"],
    ["", "image"],
    ["x", ""],
    ["", "content"],
    ["", "snapshots/overlayfs"],
    ["x", "snapshots/overlayfs/y"],
  ] as const) {
    await call(`add ${id} ${type}`, "addResource", { id: "one", resource: { id, type } });
    await call(`remove ${id} ${type}`, "deleteResource", { id: "three", resource: { id, type } });
  }
  await call("resources", "listResources", { id: "one" });
  await call("add again", "addResource", { id: "one", resource: { id: DIGEST, type: "content" } });
  await call("remove", "deleteResource", { id: "one", resource: { id: DIGEST, type: "content" } });
  await call("remove again", "deleteResource", { id: "one", resource: { id: DIGEST, type: "content" } });
  await call("resources", "listResources", { id: "one" });
  await call("delete", "delete", { id: "one", sync: true });
  await call("resources", "listResources", { id: "one" });
  await side.call(
    "leases: a call with a lease that is not there",
    ImagesService,
    "create",
    { image: { name: "leased", target: { mediaType: "m", digest: DIGEST, size: 1 } } },
    { lease: "nothing" },
  );
  await side.call(
    "leases: read with a lease that is not there",
    ImagesService,
    "list",
    { filters: ["name==leased"] },
    { lease: "nothing" },
  );
  await side.call("leases: clean", ImagesService, "delete", { name: "leased" });
}

export async function images(side: Side): Promise<void> {
  const S = ImagesService;
  const call = <M extends keyof typeof S.methods>(
    name: string,
    method: M,
    request: Parameters<typeof side.call<typeof S, M>>[3],
  ) => side.call(`images: ${name}`, S, method, request);
  const target = { mediaType: "application/vnd.oci.image.manifest.v1+json", digest: DIGEST, size: 10 };
  const image = { name: "r.io/a:1", labels: { a: "1", b: "2" }, target: { ...target, annotations: { k: "v" } } };
  await call("get of none", "get", { name: "nothing" });
  await call("get without a name", "get", {});
  await call("create without a name", "create", { image: { ...image, name: "" } });
  await call("no digest", "create", { image: { name: "x", target: { ...target, digest: "" } } });
  await call("a bad digest", "create", { image: { name: "x", target: { ...target, digest: "sha256:abc" } } });
  await call("an unknown algorithm", "create", {
    image: { name: "x", target: { ...target, digest: `md9:${"a".repeat(64)}` } },
  });
  await call("sha512", "create", {
    image: { name: "x512", target: { ...target, digest: `sha512:${"a".repeat(128)}` } },
  });
  await call("no size", "create", { image: { name: "x", target: { ...target, size: 0 } } });
  await call("a negative size", "create", { image: { name: "x", target: { ...target, size: -1 } } });
  await call("no media type", "create", { image: { name: "x", target: { ...target, mediaType: "" } } });
  await call("a strange name", "create", { image: { name: "a b\n\u00e4", target } });
  await call("get a strange name", "get", { name: "a b\n\u00e4" });
  await call("a label too long", "create", { image: { name: "y", labels: { a: LONG }, target } });
  await call("create", "create", { image });
  await call("create again", "create", { image });
  await call("create with times of its own", "create", {
    image: { ...image, name: "timed", createdAt: { seconds: 5, nanos: 6 }, updatedAt: { seconds: 7, nanos: 8 } },
  });
  await call("create with an epoch", "create", {
    image: { ...image, name: "epoch" },
    sourceDateEpoch: { seconds: 12345, nanos: 0 },
  });
  await call("get", "get", { name: image.name });
  const other = { ...target, digest: `sha256:${"b".repeat(64)}`, size: 11, annotations: { n: "m" } };
  await call("update without a name", "update", { image: { target } });
  await call("update of none", "update", { image: { name: "nothing", target } });
  await call("update of all", "update", { image: { name: image.name, labels: { c: "3" }, target: other } });
  await call("update labels", "update", {
    image: { name: image.name, labels: { d: "4" }, target },
    updateMask: { paths: ["labels"] },
  });
  await call("update a label", "update", {
    image: { name: image.name, labels: { e: "5", f: "6" }, target },
    updateMask: { paths: ["labels.e"] },
  });
  await call("update a label away", "update", {
    image: { name: image.name, labels: {}, target },
    updateMask: { paths: ["labels.e"] },
  });
  await call("update the target", "update", {
    image: { name: image.name, target: { ...target, annotations: { q: "r" } } },
    updateMask: { paths: ["target"] },
  });
  await call("update the target, badly", "update", {
    image: { name: image.name, target: { ...target, digest: "x" } },
    updateMask: { paths: ["target"] },
  });
  await call("update by target.size", "update", {
    image: { name: image.name, target: other },
    updateMask: { paths: ["target.size"] },
  });
  await call("update of the name", "update", { image: { name: image.name, target }, updateMask: { paths: ["name"] } });
  await call("update of created_at", "update", {
    image: { name: image.name, target },
    updateMask: { paths: ["created_at"] },
  });
  await call("update of nothing", "update", {
    image: { name: image.name, labels: { g: "7" }, target: other },
    updateMask: { paths: [] },
  });
  await call("update with an epoch", "update", {
    image: { name: image.name, labels: { h: "8" }, target },
    updateMask: { paths: ["labels"] },
    sourceDateEpoch: { seconds: 12346, nanos: 0 },
  });
  await call("update, a label too long", "update", {
    image: { name: image.name, labels: { h: LONG }, target },
    updateMask: { paths: ["labels"] },
  });
  for (const filter of [
    "name==r.io/a:1",
    "name~=r.io",
    "name~=^r.io/a:1$",
    `target.digest==${DIGEST}`,
    `target.digest~=${DIGEST.slice(7)}`,
    "target.mediatype==application/vnd.oci.image.manifest.v1+json",
    "labels.h==8",
    "labels.h",
    "labels.nothing",
    "labels.h!=8,name==r.io/a:1",
    'name=="r.io/a:1"',
    "name==",
    "name",
    "bogus==1",
    "target.size==10",
    "annotations.q==r",
    "name=r",
    "name==a,",
    ",",
    " ",
    "name==r.io/a:1,labels.h==8",
    "name~=[",
    "name~=/r.io.a/",
    "name!=r.io/a:1,name!=timed,name!=epoch,name!=x512",
    '"name"==x',
    "target.annotations.q",
    'labels."h"==8',
    "labels.'h'==8",
    "name==`r.io/a:1`",
    "name~=(?i)R.IO",
  ]) {
    await call(`list ${filter}`, "list", { filters: [filter] });
  }
  await call("list, several filters", "list", { filters: ["name==timed", "name==epoch"] });
  await call("list, an empty filter among them", "list", { filters: ["name==timed", ""] });
  await call("delete without a name", "delete", { name: "" });
  await call("delete of none", "delete", { name: "nothing" });
  await call("delete, another target", "delete", {
    name: "timed",
    target: { ...target, digest: `sha256:${"c".repeat(64)}` },
  });
  await call("delete, the same digest, another size", "delete", { name: "timed", target: { ...target, size: 99 } });
  const noted = (annotations: Record<string, string>) => ({
    image: { name: "noted", target: { ...target, annotations } },
  });
  await call("an annotation without a value", "create", noted({ k: "v", gone: "" }));
  await call("an annotation is taken away", "update", noted({ k: "" }));
  await call("delete, the target", "delete", { name: "epoch", target: { ...target, annotations: { k: "v" } } });
  await call("delete, an empty target", "delete", { name: "x512", target: {} });
  for (const name of [image.name, "timed", "epoch", "x512", "a b\n\u00e4", "x", "y"])
    await call(`delete ${name}`, "delete", { name, sync: true });
  await call("list", "list", {});
}

export async function containers(side: Side): Promise<void> {
  const S = ContainersService;
  const call = <M extends keyof typeof S.methods>(
    name: string,
    method: M,
    request: Parameters<typeof side.call<typeof S, M>>[3],
  ) => side.call(`containers: ${name}`, S, method, request);
  const spec = { typeUrl: "types.containerd.io/opencontainers/runtime-spec/1/Spec", value: encodeUtf8('{"a":1}') };
  const runtime = { name: "io.containerd.runc.v2", options: { typeUrl: "some.Type", value: Uint8Array.of(8, 1) } };
  const one = {
    id: "one",
    labels: { a: "1", b: "2" },
    image: "r.io/a:1",
    runtime,
    spec,
    snapshotter: "overlayfs",
    snapshotKey: "k",
    extensions: { e: { typeUrl: "t.E", value: Uint8Array.of(1, 2, 3) } },
    sandbox: "",
  };
  await call("get of none", "get", { id: "nothing" });
  await call("get without an id", "get", {});
  for (const id of [
    "",
    "a/b",
    "-a",
    "a-",
    "a..b",
    "a b",
    "\u00e4",
    "a_b",
    "A.b",
    "x".repeat(76),
    "x".repeat(77),
    LONG,
    "__",
    "1",
  ]) {
    await call(`create ${JSON.stringify(id).slice(0, 90)}`, "create", { container: { ...one, id } });
    await side.quiet(S, "delete", { id });
  }
  await call("without a runtime", "create", { container: { ...one, runtime: undefined } });
  await call("a runtime without a name", "create", { container: { ...one, runtime: { name: "" } } });
  await call("without a spec", "create", { container: { ...one, spec: undefined } });
  await call("an empty spec", "create", { container: { ...one, spec: { typeUrl: "x" } } });
  await side.quiet(S, "delete", { id: "one" });
  await call("snapshot key without snapshotter", "create", { container: { ...one, snapshotter: "" } });
  await side.quiet(S, "delete", { id: "one" });
  await call("snapshotter without key", "create", { container: { ...one, snapshotKey: "" } });
  await side.quiet(S, "delete", { id: "one" });
  await call("an extension without a name", "create", { container: { ...one, extensions: { "": { typeUrl: "t" } } } });
  await call("an extension too long a name", "create", {
    container: { ...one, extensions: { [LONG]: { typeUrl: "t" } } },
  });
  await side.quiet(S, "delete", { id: "one" });
  await call("an extension that is empty", "create", { container: { ...one, extensions: { x: {} } } });
  await side.quiet(S, "delete", { id: "one" });
  await call("a label too long", "create", { container: { ...one, labels: { a: LONG } } });
  await call("an empty label", "create", { container: { ...one, labels: { "": "a", b: "" } } });
  await side.quiet(S, "delete", { id: "one" });
  await call("create", "create", { container: one });
  await call("create again", "create", { container: one });
  await call("create with times", "create", {
    container: {
      ...one,
      id: "timed",
      snapshotKey: "",
      createdAt: { seconds: 5, nanos: 0 },
      updatedAt: { seconds: 6, nanos: 0 },
    },
  });
  await call("create in a sandbox", "create", {
    container: { ...one, id: "sandboxed", snapshotKey: "", sandbox: "nothing" },
  });
  await call("get", "get", { id: "one" });
  const update = (name: string, container: object, ...paths: string[]) =>
    call(`update ${name}`, "update", { container: { id: "one", ...container }, updateMask: { paths } });
  await call("update without an id", "update", { container: {}, updateMask: { paths: ["labels"] } });
  await call("update of none", "update", { container: { ...one, id: "nothing" } });
  await call("update of none by a mask", "update", {
    container: { ...one, id: "nothing" },
    updateMask: { paths: ["labels"] },
  });
  await update("labels", { labels: { c: "3" } }, "labels");
  await update("one label", { labels: { d: "4", e: "5" } }, "labels.d");
  await update("a label away", { labels: {} }, "labels.d");
  await update("the spec", { spec: { typeUrl: "u", value: Uint8Array.of(1) } }, "spec");
  await update("no spec", {}, "spec");
  // An update takes what it leaves out away here; containerd says so, too, and keeps it.
  await call("another", "create", { container: { ...one, id: "ext", snapshotKey: "" } });
  await call("update of extensions", "update", {
    container: { id: "ext", extensions: { e: { typeUrl: "t.F", value: Uint8Array.of(4) } } },
    updateMask: { paths: ["extensions"] },
  });
  await call("update of an extension", "update", {
    container: { id: "ext", extensions: { g: { typeUrl: "t.G" }, h: {} } },
    updateMask: { paths: ["extensions.g"] },
  });
  await call("get after", "get", { id: "ext" });
  await call("delete", "delete", { id: "ext" });
  await update("image", { image: "other" }, "image");
  await update("snapshotkey", { snapshotKey: "other" }, "snapshotkey");
  await update("snapshot_key", { snapshotKey: "other" }, "snapshot_key");
  await update("snapshotter", { snapshotter: "native" }, "snapshotter");
  await update("runtime", { runtime: { name: "x" } }, "runtime");
  await update("runtime.name", { runtime: { name: "x" } }, "runtime.name");
  await update("sandbox", { sandbox: "x" }, "sandbox");
  await update("sandbox_id", { sandbox: "x" }, "sandbox_id");
  await update("created_at", {}, "created_at");
  await update("id", {}, "id");
  await update("of an unknown", {}, "bogus");
  await update("of several, one wrong", { labels: { q: "1" } }, "labels", "bogus");
  await update("labels too long", { labels: { q: LONG } }, "labels");
  await call("update of all", "update", { container: { ...one, labels: { all: "1" } } });
  await call("update of all, another runtime", "update", { container: { ...one, runtime: { name: "x" } } });
  await call("update of all, other options", "update", { container: { ...one, runtime: { name: runtime.name } } });
  await call("update of all, another image", "update", { container: { ...one, image: "x" } });
  await call("update of all, another snapshotter", "update", { container: { ...one, snapshotter: "x" } });
  await call("update of all, another sandbox", "update", { container: { ...one, sandbox: "x" } });
  await call("update of all, another key", "update", { container: { ...one, snapshotKey: "x2" } });
  await call("update of all, no runtime", "update", { container: { ...one, runtime: undefined } });
  await call("update of all, no spec", "update", { container: { ...one, spec: undefined } });
  await call("get after", "get", { id: "one" });
  for (const filter of [
    "id==one",
    "id~=^o",
    "image==r.io/a:1",
    "labels.all==1",
    "labels.all",
    "runtime.name==io.containerd.runc.v2",
    "runtime.name",
    "runtime.options",
    "snapshotter==overlayfs",
    "snapshotKey==k",
    "snapshotkey==k",
    "snapshot_key==k",
    "sandbox==nothing",
    "sandboxid==nothing",
    "sandbox_id==nothing",
    "spec",
    "extensions.e",
    "extensions",
    "labels",
    "runtime",
    "bogus",
    "id==one,labels.all==1",
    "id==one,labels.all==2",
    "id===one",
  ]) {
    await call(`list ${filter}`, "list", { filters: [filter] });
    await call(`stream ${filter}`, "listStream", { filters: [filter] });
  }
  await call("delete without an id", "delete", {});
  await call("delete of none", "delete", { id: "nothing" });
  for (const id of ["one", "timed", "sandboxed"]) await call(`delete ${id}`, "delete", { id });
  await call("delete again", "delete", { id: "one" });
  await call("list", "list", {});
  await call("stream", "listStream", {});
}
