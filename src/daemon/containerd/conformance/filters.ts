/** Every field that containerd's filters see (core/metadata/adaptors.go and the services' own), one by one. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { SPEC_TYPE_URL } from "../api/containers.ts";
import type { Containerd } from "../api.ts";
import { collect, put, rejects, type SubjectFactory } from "./harness.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const spec = { typeUrl: SPEC_TYPE_URL, value: bytes("{}") };

/** Makes two things and answers how to list them, by name. */
type Kind = (client: Containerd) => Promise<(filters: string[]) => Promise<string[]>>;

const containers: Kind = async ({ containers: store }) => {
  await store.create({ id: "one", runtime: { name: "io.x.one" }, spec, image: "img/one", labels: { "a.b": "1" } });
  await store.create({ id: "two", runtime: { name: "io.x.two" }, spec, image: "img/two" });
  return async (filters) => (await store.list(filters)).map(({ id }) => id);
};

const images: Kind = async ({ images: store, content }) => {
  const one = { ...(await put(content, bytes("1"), {}, "application/one")), annotations: { note: "1" } };
  await store.create({ name: "one", target: one, labels: { "a.b": "1" } });
  await store.create({ name: "two", target: await put(content, bytes("2")) });
  return async (filters) => (await store.list(filters)).map(({ name }) => name);
};

const content: Kind = async ({ content: store }) => {
  const names = new Map<string, string>();
  names.set((await put(store, bytes("1"), { "a.b": "1" })).digest, "one");
  names.set((await put(store, bytes("2"))).digest, "two");
  return async (filters) => (await collect(store.walk(filters))).map(({ digest }) => names.get(digest)!);
};

const ingests: Kind = async ({ content: store }) => {
  for (const ref of ["one", "two"]) await (await store.writer({ ref })).close();
  return async (filters) => (await store.listStatuses(filters)).map(({ ref }) => ref);
};

const leases: Kind = async ({ leases: store }) => {
  await store.create({ id: "one", labels: { "a.b": "1" } });
  await store.create({ id: "two" });
  return async (filters) => (await store.list(filters)).map(({ id }) => id).filter((id) => id !== "zz-held");
};

const snapshots: Kind = async (client) => {
  const store = client.snapshots();
  await store.prepare("base-active", "");
  await store.commit("base", "base-active");
  await store.prepare("one", "base", { labels: { "a.b": "1" } });
  await store.view("two", "");
  return async (filters) =>
    (await collect(store.walk(filters))).map(({ name }) => name).filter((name) => name !== "base");
};

const sandboxes: Kind = async ({ sandboxes: store }) => {
  await store.create({ id: "one", labels: { "a.b": "1" } });
  await store.create({ id: "two" });
  return async (filters) => (await store.list(filters)).map(({ id }) => id);
};

const namespaces: Kind = async ({ namespaces: store }) => {
  await store.create({ name: "one", labels: { "a.b": "1" } });
  await store.create({ name: "two" });
  return async ([filter]) => (await store.list(filter)).map(({ name }) => name);
};

const plugins: Kind = async ({ introspection }) => {
  return async (filters) =>
    (await introspection.plugins(filters)).some(
      ({ type, id }) => `${type}.${id}` === "io.containerd.snapshotter.v1.overlayfs",
    )
      ? ["one"]
      : [];
};

const DIGEST_1 = "sha256:6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b";

/** By object and field: a filter that takes `one` alone. */
const FIELDS: Readonly<Record<string, readonly [Kind, string]>> = {
  "containers: id": [containers, "id==one"],
  "containers: image": [containers, "image==img/one"],
  "containers: runtime.name": [containers, "runtime.name==io.x.one"],
  "containers: labels": [containers, 'labels."a.b"==1'],
  "images: name": [images, "name==one"],
  "images: target.digest": [images, `target.digest==${DIGEST_1}`],
  "images: target.mediatype": [images, "target.mediatype~=one$"],
  "images: labels": [images, 'labels."a.b"==1'],
  "images: annotations": [images, "annotations.note==1"],
  "content: digest": [content, `digest==${DIGEST_1}`],
  "content: labels": [content, 'labels."a.b"==1'],
  "ingests: ref": [ingests, "ref==one"],
  "leases: id": [leases, "id==one"],
  "leases: labels": [leases, 'labels."a.b"==1'],
  "snapshots: name": [snapshots, "name==one"],
  "snapshots: parent": [snapshots, "parent==base"],
  "snapshots: kind": [snapshots, "kind==active"],
  "snapshots: labels": [snapshots, 'labels."a.b"==1'],
  "sandboxes: id": [sandboxes, "id==one"],
  "sandboxes: labels": [sandboxes, 'labels."a.b"==1'],
  "namespaces: name": [namespaces, "name==one"],
  "namespaces: labels": [namespaces, 'labels."a.b"==1'],
  "plugins: type": [plugins, "type==io.containerd.snapshotter.v1"],
  "plugins: id": [plugins, "id==overlayfs"],
  "plugins: platforms": [plugins, "platforms~=linux,id==overlayfs"],
  "plugins: capabilities": [plugins, "capabilities~=rebase"],
};

export function filtersSuite(name: string, create: SubjectFactory): void {
  for (const [title, [kind, filter]] of Object.entries(FIELDS)) {
    test(`${name}: filters: ${title}`, async () => {
      await using subject = await create();
      // What nothing refers to would be collected under our hands.
      const { id } = await subject.client("a").leases.create({ id: "zz-held" });
      const client = subject.client("a").withLease(id);
      const list = await kind(client);
      assert.deepEqual(await list([filter]), ["one"]);
      assert.deepEqual(await list([`${filter},${filter}x`]), []);
      await rejects(list(["=="]), "InvalidArgument");
    });
  }
}
