import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import type { Digest } from "../digest.ts";
import { isCode, type WharfError } from "../errors.ts";
import { chainIds, isImage, parseDescriptor, parseImageConfig, parseImageDocument } from "./image.ts";
import { DOCKER, isForeignLayer, layerCompression, OCI } from "./media-types.ts";

const digest = (fill: string): Digest => `sha256:${fill.repeat(64)}`;
const blob = (mediaType: string) => ({ mediaType, digest: digest("a"), size: 7 });
const manifest = { schemaVersion: 2, mediaType: OCI.manifest, config: blob(OCI.config), layers: [blob(OCI.layerGzip)] };
const index = {
  schemaVersion: 2,
  mediaType: OCI.index,
  manifests: [{ ...blob(OCI.manifest), platform: { os: "linux", architecture: "amd64" } }],
};
const config = {
  architecture: "amd64",
  os: "linux",
  config: { Env: null, Cmd: ["sh"] },
  rootfs: { type: "layers", diff_ids: [digest("b")] },
};
const parse = (value: unknown, mediaType?: string) => parseImageDocument(JSON.stringify(value), mediaType, "test");

test("parseImageDocument() tells manifest and index apart, in OCI's and Docker's types", () => {
  assert.equal(parse(manifest).kind, "manifest");
  assert.equal(parse(index).kind, "index");
  assert.equal(parse({ ...manifest, mediaType: DOCKER.manifest }, DOCKER.manifest).mediaType, DOCKER.manifest);
  assert.equal(parse({ ...index, mediaType: undefined }, `${DOCKER.index}; charset=utf-8`).kind, "index");
  assert.equal(parse({ ...index, mediaType: undefined }).kind, "index");
  assert.equal(parse(manifest, "application/json").kind, "manifest");
});

for (const [name, value, type, why] of [
  ["a list", [], undefined, /not a JSON object/],
  ["null", null, undefined, /not a JSON object/],
  ["both at once", { ...manifest, manifests: [] }, undefined, /both a manifest and an index/],
  ["an index with layers", { ...index, layers: [] }, undefined, /both an index and a manifest/],
  ["another type than announced", manifest, OCI.index, /calls itself .* but was announced as/],
  ["an unknown type", { ...manifest, mediaType: "text/plain" }, undefined, /neither a manifest nor an index/],
  ["version 3", { ...manifest, schemaVersion: 3 }, undefined, /manifest.schemaVersion must be 2: 3/],
  ["no config", { ...manifest, config: undefined }, undefined, /manifest.config is missing/],
  ["layers of the wrong type", { ...manifest, layers: "x" }, undefined, /manifest.layers must be a list: "x"/],
  [
    "a negative size",
    { ...manifest, layers: [{ ...blob(OCI.layer), size: -1 }] },
    undefined,
    /manifest.layers\[0\].size is no size in bytes: -1/,
  ],
  [
    "a fractional size",
    { ...manifest, config: { ...blob(OCI.config), size: 1.5 } },
    undefined,
    /config.size is no size/,
  ],
  [
    "a size as text",
    { ...manifest, config: { ...blob(OCI.config), size: "7" } },
    undefined,
    /config.size must be a number/,
  ],
  ["a huge size", { ...manifest, config: { ...blob(OCI.config), size: 2 ** 60 } }, undefined, /config.size is no size/],
  [
    "a bad digest",
    { ...manifest, config: { ...blob(OCI.config), digest: "sha256:../../x" } },
    undefined,
    /config.digest is no digest/,
  ],
  [
    "an annotation that is a number",
    { ...manifest, annotations: { a: 1 } },
    undefined,
    /annotations\["a"\] must be a string: 1/,
  ],
  [
    "too many layers",
    { ...manifest, layers: Array(501).fill(blob(OCI.layer)) },
    undefined,
    /has 501 entries, 500 are allowed/,
  ],
  [
    "a platform without os",
    { ...index, manifests: [{ ...blob(OCI.manifest), platform: { architecture: "amd64" } }] },
    undefined,
    /platform.os is missing/,
  ],
] as const) {
  test(`parseImageDocument() refuses ${name}`, () => {
    assert.throws(
      () => parse(value, type),
      (error) => isCode(error, "InvalidArgument") && why.test((error as WharfError).message),
    );
  });
}

test("parseImageDocument() refuses what is not JSON, and schema 1 with a way out", () => {
  assert.throws(() => parseImageDocument("<html>", undefined, "x"), {
    code: "InvalidArgument",
    message: "it is not JSON",
  });
  assert.throws(() => parse({ schemaVersion: 1, fsLayers: [] }), {
    code: "Unimplemented",
    hint: /push the image again/,
  });
  assert.throws(() => parse({}, "application/vnd.docker.distribution.manifest.v1+prettyjws"), {
    code: "Unimplemented",
  });
});

test("parseDescriptor() keeps artifact fields and unknown ones", () => {
  const given = { ...blob("application/x"), artifactType: "application/y", annotations: { k: "v" }, later: 1 };
  assert.deepEqual(parseDescriptor(given, "x"), given);
});

test("parseImageConfig() accepts Go's nulls and refuses wrong types", () => {
  assert.equal(parseImageConfig(JSON.stringify(config), "x").rootfs.diff_ids.length, 1);
  const broken = (change: object) => () => parseImageConfig(JSON.stringify({ ...config, ...change }), "x");
  assert.throws(broken({ config: { Env: "A=b" } }), { message: 'config.config.Env must be a list: "A=b"' });
  assert.throws(broken({ config: { Cmd: [1] } }), { message: "config.config.Cmd[0] must be a string: 1" });
  assert.throws(broken({ rootfs: { type: "tar", diff_ids: [] } }), { message: /config.rootfs.type must be "layers"/ });
  assert.throws(broken({ rootfs: undefined }), { message: "config.rootfs is missing" });
  assert.throws(broken({ os: 1 }), { message: "config.os must be a string: 1" });
});

test("layerCompression() knows OCI's and Docker's layers, and no others", () => {
  assert.equal(layerCompression(OCI.layer), "none");
  assert.equal(layerCompression(OCI.layerGzip), "gzip");
  assert.equal(layerCompression(OCI.layerZstd), "zstd");
  assert.equal(layerCompression(DOCKER.layer), "none");
  assert.equal(layerCompression(DOCKER.layerGzip), "gzip");
  assert.equal(layerCompression(DOCKER.foreignGzip), "gzip");
  assert.equal(layerCompression("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"), "gzip");
  assert.equal(layerCompression(`${OCI.layerGzip}+encrypted`), undefined);
  assert.equal(layerCompression("application/vnd.cncf.helm.chart.content.v1.tar+gzip"), undefined);
  assert.equal(isForeignLayer(DOCKER.foreignGzip), true);
  assert.equal(isForeignLayer(OCI.layerGzip), false);
});

test("chainIds() follows the image spec's recursion", () => {
  const sha256 = (text: string): Digest => `sha256:${createHash("sha256").update(text).digest("hex")}`;
  const [a, b, c] = [digest("1"), digest("2"), digest("3")];
  const ab = sha256(`${a} ${b}`);
  assert.deepEqual(chainIds([a, b, c], sha256), [a, ab, sha256(`${ab} ${c}`)]);
  assert.deepEqual(chainIds([], sha256), []);
});

test("isImage() is false for artifacts", () => {
  const helm = parse({ ...manifest, config: blob("application/vnd.cncf.helm.config.v1+json") });
  assert.equal(helm.kind === "manifest" && isImage(helm.manifest), false);
  const image = parse(manifest);
  assert.equal(image.kind === "manifest" && isImage(image.manifest), true);
});
