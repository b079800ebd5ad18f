import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { ANONYMOUS, checkName, VolumeStore } from "./store.ts";

/** As the agent does it. */
const agent = {
  async remove(paths: readonly string[]): Promise<void> {
    for (const path of paths) rmSync(path, { recursive: true, force: true });
  },
};

async function withStore(work: (open: () => Promise<VolumeStore>, root: string) => Promise<void>): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), "volumes-"));
  try {
    await work(async () => {
      const store = new VolumeStore(root, agent);
      await store.load((message, error) => assert.fail(`${message}: ${error}`));
      return store;
    }, root);
  } finally {
    rmSync(root, { recursive: true });
  }
}

test("volumes are there again after a restart, with labels and options", () =>
  withStore(async (open, root) => {
    const store = await open();
    await store.create({ name: "named", labels: { a: "b" } });
    await store.create({ name: "bound", options: { type: "none", o: "bind", device: "/x" } });
    const { volume } = await store.create({});
    assert.deepEqual(volume.labels, { [ANONYMOUS]: "" });
    assert.deepEqual(
      (await open()).all().toSorted((a, b) => (a.name < b.name ? -1 : 1)),
      store.all().toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    );
    await store.remove("named");
    assert.deepEqual(readdirSync(join(root, "volumes")).sort(), ["bound", volume.name].sort());
    assert.throws(() => store.get("named"), /no such volume/);
    await assert.rejects(store.remove("named"), /no such volume/);
  }));

test("a volume is made once; other options are a conflict", () =>
  withStore(async (open) => {
    const store = await open();
    const made = await Promise.all([1, 2, 3].map(() => store.create({ name: "one" })));
    assert.deepEqual(
      made.map(({ made }) => made),
      [true, false, false],
    );
    await assert.rejects(
      store.create({ name: "one", options: { type: "tmpfs", device: "tmpfs" } }),
      /exists with other options/,
    );
    await assert.rejects(
      store.create({ name: "two", options: { type: "tmpfs" } }),
      /missing required option: "device"/,
    );
    await assert.rejects(store.create({ name: "two", options: { device: "/x" } }), /missing required option: "type"/);
    await assert.rejects(store.create({ name: "two", options: { size: "1g" } }), /no quota support/);
  }));

test("what a killed daemon has left half done is swept, a half filled volume is empty", () =>
  withStore(async (open, root) => {
    const store = await open();
    await store.create({ name: "filling" });
    await store.create({ name: "whole" });
    const at = (...parts: string[]) => join(root, "volumes", ...parts);
    mkdirSync(at(".77-0-abc", "_data"), { recursive: true });
    writeFileSync(at("filling", "filling"), "");
    writeFileSync(at("filling", "_data", "half"), "");
    writeFileSync(at("whole", "_data", "kept"), "");
    const again = await open();
    assert.deepEqual(
      again
        .all()
        .map(({ name }) => name)
        .sort(),
      ["filling", "whole"],
    );
    assert.deepEqual(readdirSync(at("filling")).sort(), ["_data", "volume.json"]);
    assert.deepEqual(readdirSync(at("filling", "_data")), []);
    assert.ok(existsSync(at("whole", "_data", "kept")));
    assert.ok(!existsSync(at(".77-0-abc")));
  }));

test("a filling that fails leaves the volume empty", () =>
  withStore(async (open, root) => {
    const store = await open();
    await store.create({ name: "v1" });
    const fail = async () => {
      writeFileSync(join(store.path("v1"), "half"), "");
      throw new Error("no more");
    };
    await assert.rejects(store.fill("v1", fail), /no more/);
    assert.deepEqual(readdirSync(join(root, "volumes", "v1")).sort(), ["_data", "volume.json"]);
    assert.deepEqual(readdirSync(store.path("v1")), []);
  }));

test("names are file names and nothing more", () => {
  for (const name of ["ab", "a.b-c_d", "0x"]) checkName(name);
  for (const name of ["", "a", ".a", "-a", "a/b", "..", "a b", "a\n", "a".repeat(256)]) {
    assert.throws(() => checkName(name), { code: "InvalidArgument" }, name);
  }
});
