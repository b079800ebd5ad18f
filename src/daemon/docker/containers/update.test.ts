import assert from "node:assert/strict";
import { test } from "node:test";
import { completeHostConfig } from "./host-config.ts";
import { updatedHostConfig } from "./update.ts";

const host = (given: Parameters<typeof completeHostConfig>[0]) => completeHostConfig(given, "none");

test("an update changes what it names and leaves the rest", () => {
  const before = host({ Memory: 64 << 20, MemorySwap: 128 << 20, CpuShares: 10, PidsLimit: 5 });
  const after = updatedHostConfig(before, { CpuShares: 20, Memory: 0, PidsLimit: -1, CpusetCpus: "" });
  assert.deepEqual([after.CpuShares, after.Memory, after.PidsLimit], [20, 64 << 20, null]);
  assert.equal(before.CpuShares, 10, "the old one is not touched");
  const policy = updatedHostConfig(before, { RestartPolicy: { Name: "on-failure", MaximumRetryCount: 4 } });
  assert.deepEqual(policy.RestartPolicy, { Name: "on-failure", MaximumRetryCount: 4 });
  assert.deepEqual(updatedHostConfig(policy, { RestartPolicy: { Name: "" } }).RestartPolicy, policy.RestartPolicy);
});

test("limits that contradict each other are refused", () => {
  const memory = host({ Memory: 64 << 20, MemorySwap: 128 << 20 });
  assert.throws(() => updatedHostConfig(memory, { Memory: 256 << 20 }), /update the memoryswap at the same time/);
  assert.equal(updatedHostConfig(memory, { Memory: 256 << 20, MemorySwap: -1 }).MemorySwap, -1);
  assert.throws(() => updatedHostConfig(host({ NanoCpus: 5e8 }), { CpuQuota: 50000 }), /NanoCPUs has already been set/);
  assert.throws(() => updatedHostConfig(host({ CpuQuota: 50000 }), { NanoCpus: 5e8 }), /has already been set/);
  assert.throws(() => updatedHostConfig(memory, { Memory: 1 }), /Minimum memory limit/);
  assert.throws(() => updatedHostConfig(memory, { RestartPolicy: { Name: "sometimes" } }), /unknown policy/);
  assert.throws(
    () => updatedHostConfig(host({ AutoRemove: true }), { RestartPolicy: { Name: "always" } }),
    /AutoRemove is enabled/,
  );
});
