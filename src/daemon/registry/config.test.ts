import assert from "node:assert/strict";
import { test } from "node:test";
import { endpointsOf, hostName, isInsecure, isLoopback } from "./config.ts";
import { parseDuration } from "./duration.ts";
import type { RegistryConfig } from "./settings.ts";

const places = async (domain: string, config: RegistryConfig): Promise<string[]> =>
  (await endpointsOf(domain, config)).map((one) => `${one.schemes.join("|")}://${one.host}${one.prefix}`);

test("endpointsOf() knows Docker Hub's other name, the loopback, and that the rest speaks https", async () => {
  assert.deepEqual(await places("docker.io", {}), ["https://registry-1.docker.io/v2"]);
  assert.deepEqual(await places("quay.io", {}), ["https://quay.io/v2"]);
  assert.deepEqual(await places("localhost:5000", {}), ["http|https://localhost:5000/v2"]);
  assert.deepEqual(await places("127.0.0.1:5000", {}), ["http|https://127.0.0.1:5000/v2"]);
  assert.deepEqual(await places("[::1]:5000", {}), ["http|https://[::1]:5000/v2"]);
  assert.deepEqual(await places("10.1.2.3", { insecure: ["10.0.0.0/8"] }), ["https|http://10.1.2.3/v2"]);
  assert.deepEqual(
    await places("localhost:5000", { registries: { "localhost:5000": { server: "https://localhost:5000" } } }),
    ["https://localhost:5000/v2"],
  );
});

test("endpointsOf() puts hosts before mirrors and both before the registry", async () => {
  const config: RegistryConfig = {
    registries: {
      _default: { host: { "https://everywhere": {} } },
      "docker.io": {
        host: {
          "https://one": { capabilities: ["pull"] },
          "http://two/hub": {},
          "https://three/x": { override_path: true },
        },
      },
    },
    mirrors: { "docker.io": ["https://four/v2/"] },
  };
  assert.deepEqual(await places("docker.io", config), [
    "https://one/v2",
    "http://two/hub/v2",
    "https://three/x",
    "https://four/v2",
    "https://registry-1.docker.io/v2",
  ]);
  assert.deepEqual(await places("ghcr.io", config), ["https://everywhere/v2", "https://ghcr.io/v2"]);
  const [first] = await endpointsOf("docker.io", config);
  assert.deepEqual([first!.mirror, [...first!.capabilities]], [true, ["pull"]]);
  assert.deepEqual(await places("x.io", { registries: { "x.io": { server: "", host: { "https://only": {} } } } }), [
    "https://only/v2",
  ]);
});

for (const [name, host, why] of [
  ["no URL", { "https://": {} }, /it is no URL/],
  ["credentials in a URL", { "https://user:pw@x": {} }, /only scheme, host, port and path/],
  ["an unknown capability", { "https://x": { capabilities: ["fly"] } }, /unknown capability "fly"/],
  ["a bad duration", { "https://x": { dial_timeout: "soon" } }, /dial_timeout is no duration/],
  ["a missing certificate", { "https://x": { ca: "/nonexistent" } }, /cannot read \/nonexistent/],
] as const) {
  test(`endpointsOf() refuses ${name}`, async () => {
    await assert.rejects(endpointsOf("x.io", { registries: { "x.io": { host: host as never } } }), {
      code: "InvalidArgument",
      message: why,
    });
  });
}

test("isInsecure() looks at hosts, ports, addresses and networks; isLoopback() at names too", () => {
  assert.equal(isInsecure("a.example:5000", ["a.example:5000"]), true);
  assert.equal(isInsecure("a.example:5000", ["a.example"]), true);
  assert.equal(isInsecure("a.example", ["a.example:5000"]), false);
  assert.equal(isInsecure("192.168.7.9:443", ["192.168.0.0/16"]), true);
  assert.equal(isInsecure("[fd00::7]:443", ["fd00::/8"]), true);
  assert.equal(isInsecure("172.16.0.1", ["192.168.0.0/16", "fd00::/8"]), false);
  assert.equal(isLoopback("localhost.example"), false);
  assert.equal(isLoopback("127.0.0.1.example"), false);
  assert.equal(isLoopback("registry.localhost:5000"), true);
  assert.equal(hostName("[::1]:80"), "::1");
});

test("parseDuration() reads Go's durations", () => {
  assert.equal(parseDuration("10s"), 10_000);
  assert.equal(parseDuration("1m30s"), 90_000);
  assert.equal(parseDuration("1.5h"), 5_400_000);
  assert.equal(parseDuration("250ms"), 250);
  assert.equal(parseDuration("10"), undefined);
});
