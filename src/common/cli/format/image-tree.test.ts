import assert from "node:assert/strict";
import { test } from "node:test";
import { imageTree, type ManifestSummary, type TreeImage } from "./image-tree.ts";

const id = (digit: string) => `sha256:${digit.repeat(64)}`;
const part = (digit: string, architecture: string, used = false): ManifestSummary => ({
  ...{ ID: id(digit), Kind: "image", Available: true, Size: { Content: 1_000_000, Total: 3_000_000 } },
  ImageData: { Platform: { os: "linux", architecture }, Containers: used ? ["x"] : [] },
});
const image = (digit: string, more: Partial<TreeImage>): TreeImage => ({
  Id: id(digit),
  Created: 0,
  Size: 2_000_000,
  ...more,
});

const LIST = [
  image("1", { RepoTags: ["b:2", "a:1"], Manifests: [part("2", "amd64", true), part("3", "arm64")] }),
  image("4", { RepoTags: [], Manifests: [part("5", "amd64")] }),
  // An older daemon says nothing of manifests.
  image("6", { RepoTags: ["old:1"] }),
];

test("imageTree() has a line for each name, and one for each platform", () => {
  const tree = `IMAGE            ID             DISK USAGE   CONTENT SIZE   IN USE
a:1
b:2              111111111111          6MB            2MB   U
├─ linux/amd64   222222222222          3MB            1MB   U
└─ linux/arm64   333333333333          3MB            1MB

<untagged>       444444444444          3MB            1MB
└─ linux/amd64   555555555555          3MB            1MB

old:1            666666666666          2MB             0B
`;
  assert.equal(imageTree(LIST, true), tree);
  assert.equal(imageTree([], true), "IMAGE   ID   DISK USAGE   CONTENT SIZE\n");
});

test("imageTree() leaves out what a window has no room for, and images without a name unless they are asked for", () => {
  const of = (columns: number) => imageTree(LIST, false, columns).split("\n");
  assert.equal(of(60)[2], "b:2              111111111111          6MB            2MB");
  assert.equal(of(44)[2], "b:2              111111111111          6MB");
  assert.equal(of(30)[2], "b:2              111111111111");
  assert.equal(of(10)[2], "b:2");
  assert.ok(!of(80).some((line) => line.includes("<untagged>")));
});
