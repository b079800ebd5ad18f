import assert from "node:assert/strict";
import { test } from "node:test";
import {
  compatiblePlatforms,
  formatPlatform,
  normalizePlatform,
  parsePlatform,
  platformMatches,
  selectPlatform,
} from "./platform.ts";

const host = { os: "linux", architecture: "amd64" };

for (const [given, normal] of [
  ["linux/amd64", "linux/amd64"],
  ["linux/x86_64", "linux/amd64"],
  ["Linux/AMD64/v1", "linux/amd64"],
  ["linux/amd64/v3", "linux/amd64/v3"],
  ["amd64", "linux/amd64"],
  ["aarch64", "linux/arm64"],
  ["linux/arm64/v8", "linux/arm64"],
  ["linux/arm", "linux/arm/v7"],
  ["linux/arm/6", "linux/arm/v6"],
  ["armhf", "linux/arm/v7"],
  ["armel", "linux/arm/v6"],
  ["macos", "darwin/amd64"],
  ["linux", "linux/amd64"],
  ["i686", "linux/386"],
  ["linux/unheard", "linux/unheard"],
] as const) {
  test(`parsePlatform() reads ${given} as ${normal}`, () =>
    assert.equal(formatPlatform(parsePlatform(given, host)), normal));
}

for (const given of ["", "linux/", "linux/amd64/v1/x", "nosuchthing", "linux/*", "a b"]) {
  test(`parsePlatform() refuses ${JSON.stringify(given)}`, () => {
    assert.throws(() => parsePlatform(given, host), { code: "InvalidArgument", message: /invalid platform/ });
  });
}

const names = (text: string) =>
  compatiblePlatforms(parsePlatform(text, host)).map((one) => formatPlatform(one).slice(6));

test("compatiblePlatforms() lists what a machine runs, best first", () => {
  assert.deepEqual(names("linux/amd64"), ["amd64", "386"]);
  assert.deepEqual(names("linux/amd64/v3"), ["amd64/v3", "amd64/v2", "amd64", "386"]);
  assert.deepEqual(names("linux/arm/v7"), ["arm/v7", "arm/v6", "arm/v5"]);
  assert.deepEqual(names("linux/arm64"), ["arm64", "arm/v8", "arm/v7", "arm/v6", "arm/v5"]);
  assert.deepEqual(names("linux/arm64/v8.2").slice(0, 4), ["arm64/v8.2", "arm64/v8.1", "arm64", "arm/v8"]);
  assert.deepEqual(names("linux/arm64/v9.1").slice(0, 5), [
    "arm64/v9.1",
    "arm64/v9",
    "arm64/v8.6",
    "arm64/v8.5",
    "arm64/v8.4",
  ]);
  assert.deepEqual(names("linux/s390x"), ["s390x"]);
});

test("selectPlatform() takes the best, not the first", () => {
  const index = ["linux/arm/v5", "linux/arm/v7", "linux/amd64", "linux/arm64/v8", "linux/arm/v6"].map((text) => ({
    text,
    platform: rawPlatform(text),
  }));
  assert.equal(selectPlatform(parsePlatform("linux/arm64", host), index)?.text, "linux/arm64/v8");
  assert.equal(selectPlatform(parsePlatform("linux/arm/v7", host), index)?.text, "linux/arm/v7");
  assert.equal(selectPlatform(parsePlatform("linux/arm/v6", host), index)?.text, "linux/arm/v6");
  assert.equal(selectPlatform(parsePlatform("linux/riscv64", host), index), undefined);
  assert.equal(selectPlatform(host, [{}, { platform: { os: "unknown", architecture: "unknown" } }]), undefined);
  assert.equal(platformMatches(host, { os: "linux", architecture: "386" }), true);
  assert.equal(platformMatches(host, { os: "windows", architecture: "amd64" }), false);
});

test("normalizePlatform() keeps version and features", () => {
  const given = {
    os: "windows",
    architecture: "amd64",
    variant: "v1",
    "os.version": "10.0.1",
    "os.features": ["win32k"],
  };
  assert.deepEqual(normalizePlatform(given), {
    os: "windows",
    architecture: "amd64",
    "os.version": "10.0.1",
    "os.features": ["win32k"],
  });
});

function rawPlatform(text: string) {
  const [os, architecture, variant] = text.split("/") as [string, string, string?];
  return variant ? { os, architecture, variant } : { os, architecture };
}
