import assert from "node:assert/strict";
import { test } from "node:test";
import { PodSandboxConfig } from "../gen/cri/sandbox-config.ts";
import { create } from "./codec.ts";
import { fromGoJson, toGoJson } from "./go-json.ts";

// As Go writes it of k8s.io/cri-api's types.
const JSON_FORM = {
  metadata: { name: "web", uid: "u1", namespace: "shop", attempt: 2 },
  dns_config: { servers: ["192.0.2.1"] },
  port_mappings: [{ protocol: 1, container_port: 53 }],
  labels: { app: "web" },
  linux: {
    cgroup_parent: "/kubepods",
    security_context: {
      namespace_options: { pid: 1, userns_options: { uids: [{ host_id: 100000, length: 65536 }] } },
      run_as_user: {},
      supplemental_groups: [5, 6],
    },
    resources: { memory_limit_in_bytes: 4294967296 },
  },
};

test("toGoJson() writes what fromGoJson() reads, as Go does", () => {
  const config = fromGoJson(PodSandboxConfig, JSON_FORM);
  assert.equal(config.linux?.securityContext?.namespaceOptions?.usernsOptions?.uids[0]?.hostId, 100000);
  assert.equal(config.linux.securityContext.runAsUser?.value, 0);
  assert.equal(config.linux.resources?.memoryLimitInBytes, 4294967296);
  assert.deepEqual(toGoJson(PodSandboxConfig, config), JSON_FORM);
  assert.deepEqual(toGoJson(PodSandboxConfig, create(PodSandboxConfig, {})), {});
});

test("fromGoJson() passes unknown names and null over, and names a field of the wrong kind", () => {
  const config = fromGoJson(PodSandboxConfig, { later: 1, labels: null, linux: { sysctls: null } });
  assert.deepEqual([config.labels, config.linux?.sysctls], [{}, {}]);
  const wrong = (json: unknown, message: RegExp) =>
    assert.throws(() => fromGoJson(PodSandboxConfig, json), { code: "InvalidArgument", message });
  wrong(null, /PodSandboxConfig must be an object/);
  wrong({ labels: { app: 1 } }, /labels\.app must be a string/);
  wrong({ port_mappings: [{ host_port: "80" }] }, /port_mappings\[0\]\.host_port must be a number/);
  wrong({ dns_config: { servers: "x" } }, /servers must be a list/);
});
