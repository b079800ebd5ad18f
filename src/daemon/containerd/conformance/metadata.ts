/** The contracts of ImageStore, ContainerStore and NamespaceStore. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { SPEC_TYPE_URL } from "../api/containers.ts";
import type { Descriptor } from "../api/types.ts";
import type { Containerd } from "../api.ts";
import { bytesOf, rejects, type SubjectFactory, sha256, skipped } from "./harness.ts";

const target = (seed = 1): Descriptor => ({
  mediaType: "application/vnd.oci.image.manifest.v1+json",
  digest: sha256(bytesOf(10, seed)),
  size: 10,
});
const spec = { typeUrl: SPEC_TYPE_URL, value: new TextEncoder().encode("{}") };
const runtime = { name: "io.containerd.runt.v2" };

function suite(name: string, create: SubjectFactory, part: string) {
  return (title: string, body: (client: Containerd, other: Containerd) => Promise<void>) =>
    test(`${name}: ${part}: ${title}`, skipped(create, title), async () => {
      await using subject = await create();
      await body(subject.client("a"), subject.client("b"));
    });
}

export function imagesSuite(name: string, create: SubjectFactory): void {
  const check = suite(name, create, "images");

  check("create, get, list, delete", async ({ images }, other) => {
    const made = await images.create({ name: "docker.io/library/a:1", target: target(), labels: { k: "v" } });
    assert.equal(made.createdAt, made.updatedAt);
    assert.deepEqual(await images.get(made.name), made);
    await rejects(images.create({ name: made.name, target: target() }), "AlreadyExists");
    await rejects(other.images.get(made.name), "NotFound");
    await other.images.create({ name: made.name, target: target(2) });
    await images.create({ name: "b", target: target() });
    assert.deepEqual(
      (await images.list()).map((image) => image.name),
      ["b", made.name],
    );
    await rejects(images.delete(made.name, { target: target(7) }), "NotFound");
    await images.delete(made.name, { target: target(), sync: true });
    await rejects(images.delete(made.name), "NotFound");
    assert.equal((await other.images.list()).length, 1);
  });

  check("lists are filtered", async ({ images }) => {
    await images.create({ name: "a", target: target(1), labels: { "x.y": "1" } });
    await images.create({ name: "b", target: { ...target(2), annotations: { note: "n" } } });
    const names = async (...filters: string[]) => (await images.list(filters)).map((image) => image.name);
    assert.deepEqual(await names("name~=^[ab]$"), ["a", "b"]);
    assert.deepEqual(await names('labels."x.y"==1'), ["a"]);
    assert.deepEqual(await names(`target.digest==${target(2).digest}`), ["b"]);
    assert.deepEqual(await names("annotations.note"), ["b"]);
    await rejects(images.list(["name="]), "InvalidArgument");
  });

  check("update takes all mutable fields, or those named", async ({ images }) => {
    const made = await images.create({ name: "a", target: target(1), labels: { a: "1", b: "2" } });
    const labelled = await images.update({ name: "a", target: target(2), labels: { b: "3" } }, [
      "labels.a",
      "labels.b",
    ]);
    assert.deepEqual(labelled.labels, { b: "3" });
    assert.deepEqual(labelled.target, target(1));
    assert.ok(labelled.updatedAt > made.updatedAt);
    assert.equal(labelled.createdAt, made.createdAt);
    assert.deepEqual((await images.update({ name: "a", target: target(2) }, ["target"])).target, target(2));
    const annotated = { ...target(2), annotations: { x: "y" } };
    assert.deepEqual((await images.update({ name: "a", target: annotated }, ["annotations.x"])).target, annotated);
    // an empty value takes an annotation away
    const without = { ...target(2), annotations: { x: "" } };
    assert.deepEqual((await images.update({ name: "a", target: without }, ["annotations.x"])).target, target(2));
    const both = { ...target(1), annotations: { full: "1", empty: "" } };
    const left = { ...target(1), annotations: { full: "1" } };
    assert.deepEqual((await images.create({ name: "annotated", target: both })).target, left);
    assert.deepEqual((await images.get("annotated")).target, left);
    assert.deepEqual((await images.update({ name: "annotated", target: both })).target, left);
    await images.delete("annotated");
    const whole = await images.update({ name: "a", target: target(3) });
    assert.deepEqual([whole.target, whole.labels], [target(3), {}]);
    await rejects(images.update({ name: "a", target: target() }, ["name"]), "InvalidArgument");
    await rejects(images.update({ name: "none", target: target() }), "NotFound");
  });

  check(
    "times are those of a source date epoch, and a target without a digest asks for nothing",
    async ({ images }) => {
      const [first, second] = ["2001-02-03T04:05:06.000000000Z", "2002-02-03T04:05:06.000000000Z"];
      const made = await images.create({ name: "a", target: target(), sourceDateEpoch: first });
      assert.deepEqual([made.createdAt, made.updatedAt].map(Date.parse), [first, first].map(Date.parse));
      const updated = await images.update({ name: "a", target: target(), sourceDateEpoch: second });
      assert.deepEqual([updated.createdAt, updated.updatedAt].map(Date.parse), [first, second].map(Date.parse));
      await rejects(images.delete("a", { target: target(2) }), "NotFound");
      await images.delete("a", { target: { digest: "" as never } });
      assert.deepEqual(await images.list(), []);
    },
  );

  check("bad images are refused", async ({ images }) => {
    for (const bad of [
      { name: "", target: target() },
      { name: "a", target: { ...target(), digest: "sha256:1" as never } },
      { name: "a", target: { ...target(), size: 0 } },
      { name: "a", target: { ...target(), mediaType: "" } },
      { name: "a", target: target(), labels: { a: "x".repeat(4096) } },
    ]) {
      await rejects(images.create(bad), "InvalidArgument");
    }
    assert.deepEqual(await images.list(), []);
  });
}

export function containersSuite(name: string, create: SubjectFactory): void {
  const check = suite(name, create, "containers");

  check("create, get, list, delete", async ({ containers }, other) => {
    const options = { typeUrl: "containerd.runc.v1.Options", value: new Uint8Array([1, 2, 3]) };
    const made = await containers.create({
      id: "c1",
      image: "docker.io/library/a:1",
      runtime: { ...runtime, options },
      spec,
      snapshotter: "overlayfs",
      snapshotKey: "c1",
      labels: { k: "v" },
      extensions: { ext: { typeUrl: "t", value: new Uint8Array([0, 255]) } },
    });
    const read = await containers.get("c1");
    assert.deepEqual({ ...read, extensions: undefined }, { ...made, extensions: undefined });
    assert.deepEqual(Buffer.from(read.extensions.ext!.value), Buffer.from([0, 255]));
    assert.deepEqual(Buffer.from(read.runtime.options!.value), Buffer.from([1, 2, 3]));
    await rejects(containers.create({ id: "c1", runtime, spec }), "AlreadyExists");
    await rejects(other.containers.get("c1"), "NotFound");
    await containers.delete("c1");
    await rejects(containers.delete("c1"), "NotFound");
    await rejects(containers.get("c1"), "NotFound");
  });

  check("lists are filtered", async ({ containers }) => {
    const extensions = { ext: { typeUrl: "t", value: new Uint8Array([0, 255]) } };
    await containers.create({ id: "c1", runtime, spec, image: "one", labels: { app: "web" }, extensions });
    await containers.create({ id: "c2", runtime: { name: "io.containerd.runc.v2" }, spec });
    const ids = async (...filters: string[]) => (await containers.list(filters)).map(({ id }) => id);
    assert.deepEqual(await ids(), ["c1", "c2"]);
    assert.deepEqual(await ids("labels.app==web"), ["c1"]);
    assert.deepEqual(await ids("runtime.name==io.containerd.runc.v2", "image==one"), ["c1", "c2"]);
    assert.deepEqual(await ids("image"), ["c1"]);
    assert.deepEqual(await containers.list(["image"]), [await containers.get("c1")], "what is found is whole");
  });

  check("update takes the fields named", async ({ containers }) => {
    const ext = { typeUrl: "t", value: new Uint8Array([1]) };
    await containers.create({ id: "c1", runtime, spec, labels: { a: "1" }, extensions: { one: ext } });
    const labelled = await containers.update({ id: "c1", labels: { b: "2" } }, ["labels.b"]);
    assert.deepEqual(labelled.labels, { a: "1", b: "2" });
    const extended = await containers.update({ id: "c1", extensions: { two: ext } }, ["extensions.two"]);
    assert.deepEqual(Object.keys(extended.extensions), ["one", "two"]);
    assert.deepEqual(Object.keys((await containers.get("c1")).extensions), ["one", "two"]);
    await rejects(containers.update({ id: "c1", snapshotter: "other" }, ["snapshotter"]), "InvalidArgument");
    await rejects(containers.update({ id: "c1", runtime: { name: "io.x.y" }, spec }), "InvalidArgument");
    const value = new TextEncoder().encode('{"hostname":"x"}');
    const whole = await containers.update({ id: "c1", runtime, spec: { ...spec, value } });
    assert.deepEqual([whole.labels, Object.keys(whole.extensions), whole.runtime.name], [{}, [], runtime.name]);
    assert.deepEqual(Buffer.from(whole.spec!.value), Buffer.from(value));
    await containers.update({ id: "c1" }, ["spec"]);
    assert.deepEqual(Buffer.from((await containers.get("c1")).spec!.value), Buffer.from(value), "no spec changes none");
    await rejects(containers.update({ id: "none", labels: {} }, ["labels"]), "NotFound");
  });

  check("bad containers are refused", async ({ containers }) => {
    for (const id of ["", "a b", "-a", "a-", "a/b", "..", "x".repeat(77)]) {
      await rejects(containers.create({ id, runtime, spec }), "InvalidArgument");
    }
    await rejects(containers.create({ id: "c", spec }), "InvalidArgument");
    await rejects(containers.create({ id: "c", runtime, spec, snapshotKey: "k" }), "InvalidArgument");
    assert.deepEqual(await containers.list(), []);
  });
}

export function namespacesSuite(name: string, create: SubjectFactory): void {
  const check = suite(name, create, "namespaces");

  check("they are made by hand or by use, and go when empty", async (a) => {
    const { namespaces, images } = a;
    await namespaces.create({ name: "made", labels: { k: "v" } });
    await rejects(namespaces.create({ name: "made" }), "AlreadyExists");
    await rejects(namespaces.create({ name: "bad name" }), "InvalidArgument");
    await images.create({ name: "x", target: target() });
    assert.deepEqual(
      (await namespaces.list()).map((namespace) => namespace.name),
      ["a", "made"],
    );
    assert.deepEqual(
      (await namespaces.list("labels.k==v")).map((namespace) => namespace.name),
      ["made"],
    );
    const updated = await namespaces.update({ name: "made", labels: { k: "w" } }, ["labels.k"]);
    assert.deepEqual(updated.labels, { k: "w" });
    assert.deepEqual((await namespaces.get("made")).labels, { k: "w" });
    await namespaces.update({ name: "labelled", labels: { k: "x" } }, ["labels.k"]);
    assert.deepEqual((await namespaces.get("labelled")).labels, { k: "x" });
    const error = await rejects(namespaces.delete("a"), "FailedPrecondition");
    assert.match(error.message, /images/);
    await images.delete("x");
    await namespaces.delete("a");
    assert.deepEqual(await namespaces.get("a"), { name: "a", labels: {} });
    assert.ok((await namespaces.list()).every(({ name }) => name !== "a"));
    await rejects(namespaces.delete("a"), "NotFound");
    assert.deepEqual(
      (await namespaces.list()).map(({ name }) => name),
      ["labelled", "made"],
    );
    for (const name of ["a..b", "a__b"]) await rejects(namespaces.create({ name }), "InvalidArgument");
    await rejects(namespaces.create({ name: "b", labels: { "": "x" } }), "InvalidArgument");
    await namespaces.create({ name: "b", labels: { empty: "", full: "x" } });
    assert.deepEqual((await namespaces.get("b")).labels, { full: "x" });
    await namespaces.update({ name: "b", labels: { full: "" } }, ["labels.full"]);
    assert.deepEqual((await namespaces.get("b")).labels, {});
  });
}
