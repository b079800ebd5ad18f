// Each figure of a container's statistics comes from its own line of its own file; folders made here stand for control groups.
import { join } from "../../common/path.ts";
import type { Init } from "../../common/protobuf/codec.ts";
import { mkdirs, readDir, rmdir, unlink, writeFile } from "../sys/fs.ts";
import { getpid } from "../sys/process.ts";
import { equal, test } from "../testing.ts";
import { deviceNames } from "./stats-files.ts";
import { statsV1 } from "./stats-v1.ts";
import { statsV2 } from "./stats-v2.ts";

/** A folder with these files, while `body` runs. */
function within<T>(name: string, files: Readonly<Record<string, string>>, body: (folder: string) => T): T {
  const folder = `/tmp/wharf-stats-${getpid()}-${name}`;
  mkdirs(folder);
  try {
    for (const [file, content] of Object.entries(files)) writeFile(join(folder, file), content);
    return body(folder);
  } finally {
    for (const { name: file } of readDir(folder)) unlink(join(folder, file));
    rmdir(folder);
  }
}

/** Lines `name value`, the values counted up from `from`. */
const lines = (names: readonly string[], from: number) => names.map((name, i) => `${name} ${from + i}\n`).join("");
/** What they come to: fields by their names. */
const counted = (names: readonly string[], from: number) =>
  Object.fromEntries(
    names.map((name, i) => [name.replace(/_([a-z])/g, (_, one: string) => one.toUpperCase()), BigInt(from + i)]),
  );
/** By name: the order of the fields says nothing. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([, one]) => one !== undefined);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, one]) => [name, sorted(one)]));
}

const RDMA = "mlx5_0 hca_handle=2 hca_object=max\n";
const HAS = [{ device: "mlx5_0", hcaHandles: 2, hcaObjects: 0xffffffff }];
const RDMA_MAX = "mlx5_0 hca_handle=3 hca_object=4\nmlx5_1 hca_handle=max hca_object=5\n";
const MAY = [
  { device: "mlx5_0", hcaHandles: 3, hcaObjects: 4 },
  { device: "mlx5_1", hcaHandles: 0xffffffff, hcaObjects: 5 },
];

const V2_CPU = [
  "usage_usec",
  "user_usec",
  "system_usec",
  "nr_periods",
  "nr_throttled",
  "throttled_usec",
  "nr_bursts",
  "burst_usec",
];
const V2_EVENTS = ["low", "high", "max", "oom", "oom_kill", "oom_group_kill"];
const V2_MEMORY = [
  ...[
    "anon",
    "file",
    "kernel_stack",
    "slab",
    "sock",
    "shmem",
    "file_mapped",
    "file_dirty",
    "file_writeback",
    "anon_thp",
  ],
  ...["inactive_anon", "active_anon", "inactive_file", "active_file", "unevictable", "slab_reclaimable"],
  ...["slab_unreclaimable", "pgfault", "pgmajfault", "workingset_refault", "workingset_activate"],
  ...["workingset_nodereclaim", "pgrefill", "pgscan", "pgsteal", "pgactivate", "pgdeactivate", "pglazyfree"],
  ...["pglazyfreed", "thp_fault_alloc", "thp_collapse_alloc", "workingset_refault_anon", "workingset_refault_file"],
  ...["workingset_activate_anon", "workingset_activate_file"],
];
const pressure = (n: number) =>
  `some avg10=${n}.50 avg60=${n}.25 avg300=${n}.75 total=${n}1\nfull avg10=0.00 avg60=0.50 avg300=${n}.00 total=${n}2\n`;
const pressed = (n: number) => ({
  some: { avg10: n + 0.5, avg60: n + 0.25, avg300: n + 0.75, total: BigInt(`${n}1`) },
  full: { avg10: 0, avg60: 0.5, avg300: n, total: BigInt(`${n}2`) },
});

test("statsV2() fills every field that a control group of version 2 has", () => {
  const files = {
    "pids.current": "1\n",
    "pids.max": "max\n",
    "cpu.stat": lines(V2_CPU, 10),
    "cpu.pressure": pressure(1),
    "memory.stat": lines([...V2_MEMORY].reverse(), 100),
    "memory.current": "31\n",
    "memory.max": "32\n",
    "memory.peak": "33\n",
    "memory.swap.current": "34\n",
    "memory.swap.max": "35\n",
    "memory.swap.peak": "36\n",
    "memory.pressure": pressure(2),
    "memory.events": lines(V2_EVENTS, 40),
    "io.stat": "8:16 rbytes=51 wbytes=52 rios=53 wios=54 dbytes=0 dios=0\n8:0 \n",
    "io.pressure": pressure(3),
    "rdma.current": RDMA,
    "rdma.max": RDMA_MAX,
    "hugetlb.2MB.current": "61\n",
    "hugetlb.2MB.max": "62\n",
    "hugetlb.2MB.events": "max 63\n",
  };
  const found = within("v2", files, statsV2);
  const io = { major: 8n, rbytes: 51n, wbytes: 52n, rios: 53n, wios: 54n };
  const none = { rbytes: 0n, wbytes: 0n, rios: 0n, wios: 0n };
  const expected: Init<typeof found> = {
    pids: { current: 1n, limit: 18446744073709551615n },
    cpu: { ...counted(V2_CPU, 10), psi: pressed(1) },
    memory: {
      ...counted([...V2_MEMORY].reverse(), 100),
      ...{ usage: 31n, usageLimit: 32n, maxUsage: 33n, swapUsage: 34n, swapLimit: 35n, swapMaxUsage: 36n },
      psi: pressed(2),
    },
    memoryEvents: counted(V2_EVENTS, 40),
    io: {
      usage: [
        { ...io, minor: 16n },
        { major: 8n, minor: 0n, ...none },
      ],
      psi: pressed(3),
    },
    rdma: { current: HAS, limit: MAY },
    hugetlb: [{ pagesize: "2MB", current: 61n, max: 62n, failcnt: 63n }],
  };
  equal(sorted(found), sorted(expected));
});

const V1_OWN = [
  ...["cache", "rss", "rss_huge", "mapped_file", "dirty", "writeback", "pgpgin", "pgpgout", "pgfault", "pgmajfault"],
  ...["inactive_anon", "active_anon", "inactive_file", "active_file", "unevictable"],
];
const V1_MEMORY = [
  ...V1_OWN,
  "hierarchical_memory_limit",
  "hierarchical_memsw_limit",
  ...V1_OWN.map((name) => `total_${name}`),
];
/** The fields' names where they are not the lines'. */
const RENAMED: Readonly<Record<string, string>> = {
  hierarchical_memsw_limit: "hierarchical_swap_limit",
  ...Object.fromEntries(
    ["", "total_"].flatMap((of) => [
      ...[
        [`${of}pgpgin`, `${of}pg_pg_in`],
        [`${of}pgpgout`, `${of}pg_pg_out`],
      ],
      ...[
        [`${of}pgfault`, `${of}pg_fault`],
        [`${of}pgmajfault`, `${of}pg_maj_fault`],
      ],
    ]),
  ),
};
const V1_BLKIO = {
  io_service_bytes_recursive: "ioServiceBytesRecursive",
  io_serviced_recursive: "ioServicedRecursive",
  io_queued_recursive: "ioQueuedRecursive",
  io_service_time_recursive: "ioServiceTimeRecursive",
  io_wait_time_recursive: "ioWaitTimeRecursive",
  io_merged_recursive: "ioMergedRecursive",
  time_recursive: "ioTimeRecursive",
  sectors_recursive: "sectorsRecursive",
};

test("statsV1() fills every field that the control groups of version 1 have", () => {
  const [[place, device] = ["8:16", ""]] = deviceNames();
  const [major, minor] = place.split(":").map(BigInt) as [bigint, bigint];
  const entry = (of: string, from: number) =>
    Object.fromEntries(
      ["limit_in_bytes", "usage_in_bytes", "max_usage_in_bytes", "failcnt"].map((name, i) => [
        `memory.${of}${name}`,
        `${from + i}\n`,
      ]),
    );
  const counts = (from: number) => ({
    ...{ limit: BigInt(from), usage: BigInt(from + 1) },
    ...{ max: BigInt(from + 2), failcnt: BigInt(from + 3) },
  });
  const files = {
    "pids.current": "1\n",
    "pids.max": "2\n",
    "cpuacct.usage": "11\n",
    "cpuacct.stat": "user 12\nsystem 13\n",
    "cpuacct.usage_percpu": "5 6 \n",
    "cpu.stat": "nr_periods 14\nnr_throttled 15\nthrottled_time 16\n",
    "memory.stat": lines(V1_MEMORY, 100),
    ...entry("", 20),
    ...entry("memsw.", 30),
    ...entry("kmem.", 40),
    ...entry("kmem.tcp.", 50),
    "memory.oom_control": "oom_kill_disable 1\nunder_oom 2\noom_kill 3\n",
    ...Object.fromEntries(
      Object.keys(V1_BLKIO).map((name, i) => [
        `blkio.${name}`,
        `${place} Read ${200 + i}\n${place} ${300 + i}\nTotal 9\n`,
      ]),
    ),
    "rdma.current": RDMA,
    "rdma.max": RDMA_MAX,
    "hugetlb.1GB.usage_in_bytes": "61\n",
    "hugetlb.1GB.max_usage_in_bytes": "62\n",
    "hugetlb.1GB.failcnt": "63\n",
  };
  const controllers = ["pids", "cpuacct", "cpu", "memory", "blkio", "hugetlb", "rdma"];
  const found = within("v1", files, (folder) => statsV1(new Map(controllers.map((name) => [name, folder]))));
  const at = { major, minor, device };
  const expected: Init<typeof found> = {
    pids: { current: 1n, limit: 2n },
    cpu: {
      usage: { total: 11n, user: 120_000_000n, kernel: 130_000_000n, perCpu: [5n, 6n] },
      throttling: { periods: 14n, throttledPeriods: 15n, throttledTime: 16n },
    },
    memory: {
      ...counted(
        V1_MEMORY.map((name) => RENAMED[name] ?? name),
        100,
      ),
      ...{ usage: counts(20), swap: counts(30), kernel: counts(40), kernelTcp: counts(50) },
    },
    memoryOomControl: { oomKillDisable: 1n, underOom: 2n, oomKill: 3n },
    blkio: Object.fromEntries(
      Object.values(V1_BLKIO).map((name, i) => [
        name,
        [
          { ...at, op: "Read", value: BigInt(200 + i) },
          { ...at, op: "", value: BigInt(300 + i) },
        ],
      ]),
    ),
    rdma: { current: HAS, limit: MAY },
    hugetlb: [{ pagesize: "1GB", usage: 61n, max: 62n, failcnt: 63n }],
  };
  equal(sorted(found), sorted(expected));
  const fallback = within("throttle", { "blkio.throttle.io_serviced": `${place} Write 7\n` }, (folder) =>
    statsV1(new Map([["blkio", folder]])),
  );
  equal(fallback.blkio?.ioServicedRecursive, [{ op: "Write", value: 7n, ...at }]);
});
