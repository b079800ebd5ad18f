import assert from "node:assert/strict";
import { test } from "node:test";
import { Metrics as V1 } from "../../../common/gen/containerd/cgroups/v1.ts";
import { Metrics as V2 } from "../../../common/gen/containerd/cgroups/v2.ts";
import { packAny } from "../../../common/protobuf/any.ts";
import { parseNetworks, parseSystem } from "./stats.ts";
import { taskStats } from "./stats-shape.ts";

const HOST = 4e9;

test("metrics of cgroup version 1 in Docker's shape", () => {
  const stats = taskStats(
    packAny(V1, {
      pids: { current: 3n, limit: 50n },
      cpu: {
        usage: { total: 700n, kernel: 200n, user: 500n, perCpu: [300n, 400n] },
        throttling: { periods: 5n, throttledPeriods: 2n, throttledTime: 9n },
      },
      memory: { usage: { usage: 1000n, max: 2000n, limit: 2n ** 63n - 1n }, totalInactiveFile: 7n, pgPgIn: 8n },
      blkio: { ioServiceBytesRecursive: [{ major: 8n, minor: 1n, op: "Read", value: 4096n, device: "" }] },
    }),
    HOST,
  );
  assert.deepEqual(stats.pids_stats, { current: 3, limit: 50 });
  assert.deepEqual(stats.cpu_stats.cpu_usage, {
    ...{ total_usage: 700, percpu_usage: [300, 400], usage_in_kernelmode: 200, usage_in_usermode: 500 },
  });
  assert.deepEqual(stats.cpu_stats.throttling_data, { periods: 5, throttled_periods: 2, throttled_time: 9 });
  assert.equal(stats.memory_stats.limit, HOST, "no limit is what the host has");
  assert.deepEqual([stats.memory_stats.usage, stats.memory_stats.max_usage], [1000, 2000]);
  assert.deepEqual([stats.memory_stats.stats?.total_inactive_file, stats.memory_stats.stats?.pgpgin], [7, 8]);
  assert.deepEqual(stats.blkio_stats.io_service_bytes_recursive, [{ major: 8, minor: 1, op: "read", value: 4096 }]);
});

test("metrics of cgroup version 2 in Docker's shape", () => {
  const stats = taskStats(
    packAny(V2, {
      pids: { current: 1n },
      cpu: { usageUsec: 7n, userUsec: 4n, systemUsec: 3n, nrPeriods: 1n, nrThrottled: 1n, throttledUsec: 2n },
      memory: { usage: 100n, usageLimit: 1000n, inactiveFile: 5n, kernelStack: 6n },
      memoryEvents: { oom: 2n },
      io: { usage: [{ major: 8n, minor: 0n, rbytes: 1n, wbytes: 2n }] },
    }),
    HOST,
  );
  assert.deepEqual(stats.pids_stats, { current: 1 });
  assert.deepEqual(stats.cpu_stats.cpu_usage, {
    total_usage: 7000,
    usage_in_kernelmode: 3000,
    usage_in_usermode: 4000,
  });
  assert.equal(stats.cpu_stats.throttling_data.throttled_time, 2000);
  assert.deepEqual([stats.memory_stats.usage, stats.memory_stats.limit, stats.memory_stats.failcnt], [100, 1000, 2]);
  assert.deepEqual([stats.memory_stats.stats?.inactive_file, stats.memory_stats.stats?.kernel_stack], [5, 6]);
  assert.deepEqual(stats.blkio_stats.io_service_bytes_recursive, [
    { major: 8, minor: 0, op: "read", value: 1 },
    { major: 8, minor: 0, op: "write", value: 2 },
  ]);
  assert.equal(stats.blkio_stats.io_serviced_recursive, null);
});

test("other metrics are told to be unknown", () => {
  assert.throws(() => taskStats({ typeUrl: "x", value: new Uint8Array() }, HOST), /statistics of the type x/);
});

test("the host's CPU time leaves out guests and stolen time", () => {
  const text = "cpu  1 2 3 4 5 6 7 80 90 100\ncpu0 1 1 1 1 1 1 1 0 0 0\ncpu1 0 1 2 3 4 5 6 0 0 0\nintr 5\n";
  assert.deepEqual(parseSystem(text), { usage: 28 * 1e7, cpus: 2 });
});

test("interfaces of /proc/net/dev, without the loopback", () => {
  const head = "Inter-|   Receive\n face |bytes\n";
  const lines = "    lo: 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1\n  eth0:10 11 12 13 0 0 0 0 20 21 22 23 0 0 0 0\n";
  assert.deepEqual(parseNetworks(head + lines), {
    eth0: {
      ...{ rx_bytes: 10, rx_packets: 11, rx_errors: 12, rx_dropped: 13 },
      ...{ tx_bytes: 20, tx_packets: 21, tx_errors: 22, tx_dropped: 23 },
    },
  });
  assert.equal(parseNetworks(head), undefined);
});
