// Images for several platforms: what is here of each, looked at, saved and removed one by one.
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { build, Daemon } from "../e2e/daemon.ts";
import { addFiles, busyboxTar, makeLayout, push } from "../e2e/layouts.ts";
import { type RegistryProcess, startRegistry } from "../registry/support.ts";
import { Api } from "./client.ts";

let daemon: Daemon;
let registry: RegistryProcess;
let name: string;
const api = new Api(() => daemon.socket);
before(async () => {
  build();
  daemon = await Daemon.start();
  registry = await startRegistry();
  const folder = (at: string) => join(daemon.dir, at);
  const base = { tar: busyboxTar(folder("base")) };
  const of = (architecture: string) => ({
    layers: [base, { tar: addFiles(folder(architecture), { name: architecture }) }],
    architecture,
  });
  name = `${registry.host}/test/many:1`;
  await push(makeLayout(folder("layout"), of("arm64"), of("amd64"), of("riscv64")), name);
});
after(async () => {
  await registry?.[Symbol.asyncDispose]();
  await daemon?.[Symbol.asyncDispose]();
});

const platform = (architecture: string) => encodeURIComponent(JSON.stringify({ os: "linux", architecture }));

interface Summary {
  ID: string;
  Descriptor: { digest: string; platform: { architecture: string } };
  Available: boolean;
  Kind: string;
  Size: { Content: number; Total: number };
  ImageData: { Platform: { architecture: string }; Size: { Unpacked: number }; Containers: string[] };
}

async function manifests(): Promise<Summary[]> {
  return (await api.expect(200, "GET", `/images/${name}/json?manifests=1`)).json().Manifests;
}

const here = async () =>
  (await manifests()).filter(({ Available }) => Available).map(({ ImageData }) => ImageData.Platform.architecture);

test("an image of several platforms: manifests in list and inspect, history and inspect of one, save of one", async () => {
  await daemon.ok("pull", name);
  assert.deepEqual(await here(), ["amd64"]);
  await daemon.ok("pull", "--platform", "linux/arm64", name);
  const found = await manifests();
  assert.deepEqual(
    found.map(({ Available, Kind, ImageData }) => [ImageData.Platform.architecture, Available, Kind]),
    [
      ["arm64", true, "image"],
      ["amd64", true, "image"],
      ["riscv64", false, "image"],
    ],
  );
  for (const { ID, Descriptor, Available, Size, ImageData } of found) {
    assert.equal(ID, Descriptor.digest);
    assert.equal(Size.Total, Size.Content + ImageData.Size.Unpacked);
    assert.equal(Size.Content > 500_000, Available);
    assert.deepEqual(ImageData.Containers, []);
  }
  const plain = (await api.expect(200, "GET", `/images/${name}/json`)).json();
  assert.equal(plain.Manifests, undefined);
  await api.refused(400, /cannot both be set/, "GET", `/images/${name}/json?manifests=1&platform=${platform("arm64")}`);
  const created = await api.expect(201, "POST", "/containers/create", { Image: name, Cmd: ["cat", "/name"] });
  const id = created.json().Id as string;
  assert.deepEqual(
    (await manifests()).map(({ ImageData }) => ImageData.Containers),
    [[], [id], []],
  );
  const rows = (await api.expect(200, "GET", "/images/json?manifests=1")).json() as {
    RepoTags: string[];
    Manifests: Summary[];
  }[];
  assert.deepEqual(rows.find(({ RepoTags }) => RepoTags.includes(name))!.Manifests, await manifests());
  const bare = (await api.expect(200, "GET", "/images/json")).json() as object[];
  assert.ok(bare.every((row) => !("Manifests" in row)));
  await api.remove(id);
  for (const architecture of ["amd64", "arm64"]) {
    const one = (await api.expect(200, "GET", `/images/${name}/json?platform=${platform(architecture)}`)).json();
    assert.equal(one.Architecture, architecture);
    await api.expect(200, "GET", `/images/${name}/history?platform=${platform(architecture)}`);
    const archive = await api.expect(200, "GET", `/images/${name}/get?platform=${platform(architecture)}`);
    const manifest = found.find(({ ImageData }) => ImageData.Platform.architecture === architecture)!;
    assert.ok(archive.body.includes(manifest.ID.slice(7)));
    assert.ok(!archive.body.includes(found.find((other) => other !== manifest && other.Available)!.ID.slice(7)));
  }
  for (const path of ["json", "history", "get"])
    await api.refused(
      404,
      /riscv64|none of the index/,
      "GET",
      `/images/${name}/${path}?platform=${platform("riscv64")}`,
    );
  await api.refused(400, /the platform is no JSON/, "GET", `/images/${name}/json?platform=%7Bx`);
});

test("images --tree shows each image with its platforms, as docker's does", async () => {
  const rows = (text: string) =>
    text
      // docker colours its headings in a pipe, too
      .replaceAll(/\x1b\[\d*m/g, "")
      .split("\n")
      .map((line) => line.trim().split(/ {2,}/))
      .filter(([first]) => first && !/^(WARNING|Info|IMAGE)/.test(first));
  const docker = await daemon.docker(["images", "--tree", name]);
  assert.equal(docker.code, 0, docker.stderr);
  const created = await api.expect(201, "POST", "/containers/create", { Image: name, Cmd: ["cat", "/name"] });
  const tree = await daemon.ok("images", "--tree", name);
  const [image, ...parts] = rows(tree);
  assert.equal(image!.at(-1), "U");
  const used = (row: string[]) => row.at(-1) === "U";
  assert.deepEqual(
    parts.map((row) => [row[0], used(row)]),
    [
      ["├─ linux/arm64", false],
      ["├─ linux/amd64", true],
      ["└─ linux/riscv64", false],
    ],
  );
  await api.remove(created.json().Id);
  const [[dockerImage, ...dockerParts], [ourImage, ...ourParts]] = [
    docker.stdout,
    await daemon.ok("images", "--tree", name),
  ].map(rows) as [string[][], string[][]];
  assert.deepEqual(ourParts, dockerParts);
  // docker has of the image itself what the daemon says, which is without what was pulled.
  assert.deepEqual([ourImage![0], ourImage![1], ourImage![3]], [dockerImage![0], dockerImage![1], dockerImage![3]]);
  const manifestSizes = (await manifests()).reduce((sum, { Size }) => sum + Size.Total, 0);
  assert.ok(Math.abs(Number.parseFloat(ourImage![2]!) * 1e6 - manifestSizes) < 1e4, `${ourImage![2]} ${manifestSizes}`);
  const refused = await daemon.wharf(["images", "--tree", "-q"]);
  assert.match(refused.stderr, /^wharf: --quiet and --tree do not go together\n/);
  assert.equal(refused.code, 1);
});

test("one platform of an image is removed: not by chance, not under a container, what others need stays", async () => {
  assert.deepEqual((await here()).sort(), ["amd64", "arm64"]);
  await daemon.ok("tag", name, "second:1");
  const remove = `/images/${name}?platforms=`;
  await api.refused(400, /Use --force/, "DELETE", `${remove}${platform("arm64")}`);
  await api.refused(404, /nothing here for linux\/s390x/, "DELETE", `${remove}${platform("s390x")}&force=1`);
  const created = await api.expect(201, "POST", "/containers/create", {
    Image: name,
    Cmd: ["sleep", "1000"],
    HostConfig: { NetworkMode: "none" },
  });
  const id = created.json().Id as string;
  await api.start(id);
  await api.refused(409, /used by running container/, "DELETE", `${remove}${platform("amd64")}&force=1`);
  const arm = (await manifests()).find(({ ImageData }) => ImageData.Platform.architecture === "arm64")!;
  const removed = (await api.expect(200, "DELETE", `${remove}${platform("arm64")}&force=1`)).json();
  assert.deepEqual(removed, [{ Deleted: arm.ID }]);
  assert.deepEqual(await here(), ["amd64"]);
  assert.equal((await api.expect(200, "GET", "/images/second:1/json")).json().Architecture, "amd64");
  await api.refused(404, /linux\/arm64/, "GET", `/images/${name}/json?platform=${platform("arm64")}`);
  // The layer that both had is still here as it was pulled.
  await api.expect(200, "GET", `/images/${name}/get?platform=${platform("amd64")}`);
  await api.call("DELETE", `/containers/${id}?force=1`);
  // Today's CLI says it its own way.
  await daemon.ok("pull", "--platform", "linux/arm64", name);
  const { code, stderr } = await daemon.docker(["image", "rm", "-f", "--platform", "linux/amd64", name]);
  assert.equal(code, 0, stderr);
  assert.deepEqual(await here(), ["arm64"]);
  assert.equal((await api.expect(200, "GET", `/images/${name}/json`)).json().Architecture, "arm64");
  // With the last one both names go.
  const last = (await api.expect(200, "DELETE", `/images/second:1?platforms=${platform("arm64")}&force=1`)).json();
  assert.ok(JSON.stringify(last).includes('"Untagged"'), JSON.stringify(last));
  for (const gone of ["second:1", name]) await api.refused(404, /No such image/, "GET", `/images/${gone}/json`);
  await daemon.clean();
});
