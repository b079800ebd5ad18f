// linux.resources: each limit stands in the cgroup's files, or is refused by its name.
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { test } from "node:test";
import type { LinuxResources, Spec } from "../../../src/common/oci/runtime.ts";
import { Bundle, CGROUP_V2 } from "./bundle.ts";

const resources = (given: LinuxResources) => (spec: Spec) => void Object.assign(spec.linux!.resources!, given);

/** What a container with these resources has in the files named. */
function files(given: LinuxResources, names: readonly string[]): Record<string, string> {
  using box = new Bundle(resources(given));
  box.sleeping();
  const read = (name: string) => {
    const controller = name.split(".")[0]!;
    const folder = CGROUP_V2 ? `/sys/fs/cgroup/${box.id}` : `/sys/fs/cgroup/${controller}/${box.id}`;
    return readFileSync(`${folder}/${name}`, "utf8").trim();
  };
  return Object.fromEntries(names.map((name) => [name, read(name)]));
}

/** What the container's cgroups have in the files of these names; undefined when this host refuses the limit, with words that name it. */
function setOrRefused(given: LinuxResources, words: RegExp, names: RegExp): string | undefined {
  using box = new Bundle(resources(given));
  box.spec.process!.args = ["sleep", "1000"];
  box.write();
  const { status, err } = box.runt("run", "--detach", box.id);
  if (status !== 0) {
    assert.match(err, words);
    return undefined;
  }
  const folders = ["", ...readdirSync("/sys/fs/cgroup")].map((one) => join("/sys/fs/cgroup", one, box.id));
  const files = folders
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)))
    .filter((file) => names.test(basename(file)));
  return files.map((file) => readFileSync(file, "utf8")).join("");
}

function refusal(given: LinuxResources): string {
  using box = new Bundle(resources(given));
  const { status, err } = box.runt("run", box.id);
  assert.equal(status, 1, `accepted: ${JSON.stringify(given)}`);
  assert.equal(box.status(), undefined);
  return err;
}

const MIB = 1 << 20;

test("linux.resources.memory: limit, swap, reservation, and what v1 alone has", () => {
  const memory = { limit: 64 * MIB, swap: 96 * MIB, reservation: 32 * MIB };
  if (CGROUP_V2) {
    const shown = files({ memory }, ["memory.max", "memory.swap.max", "memory.low"]);
    assert.deepEqual(
      Object.values(shown),
      [64, 32, 32].map((n) => String(n * MIB)),
    );
    for (const [field, value] of [
      ["swappiness", 10],
      ["kernelTCP", MIB],
      ["disableOOMKiller", true],
    ] as const)
      assert.match(
        refusal({ memory: { [field]: value } }),
        new RegExp(`memory\\.${field}: cgroup v2 has nothing like it`),
      );
  } else {
    const v1 = { ...memory, swappiness: 10, kernelTCP: 16 * MIB, disableOOMKiller: true, useHierarchy: true };
    const names = ["limit_in_bytes", "memsw.limit_in_bytes", "soft_limit_in_bytes", "kmem.tcp.limit_in_bytes"];
    const shown = files(
      { memory: v1 },
      [...names, "swappiness", "oom_control", "use_hierarchy"].map((name) => `memory.${name}`),
    );
    assert.deepEqual(Object.values(shown).slice(0, 5), [...[64, 96, 32, 16].map((n) => String(n * MIB)), "10"]);
    assert.match(shown["memory.oom_control"]!, /oom_kill_disable 1/);
    assert.equal(shown["memory.use_hierarchy"], "1");
  }
  assert.match(refusal({ memory: { useHierarchy: false } }), /linux\.resources\.memory\.useHierarchy: kernels count/);
});

test("linux.resources.memory.kernel is passed over with a warning; checkBeforeUpdate refuses a limit below what is used", () => {
  using box = new Bundle(resources({ memory: { kernel: MIB, limit: 64 * MIB } }));
  const { status, err } = box.runt("run", box.id);
  assert.equal(status, 0);
  assert.match(err, /linux\.resources\.memory\.kernel: passed over/);
  box.sleeping();
  const tiny = JSON.stringify({ memory: { limit: 4096, swap: 4096, checkBeforeUpdate: true } });
  const refused = box.with({ input: tiny }, "update", "--resources", "-", box.id);
  assert.equal(refused.status, 1);
  assert.match(refused.err, /linux\.resources\.memory\.(limit|swap): .*(in use|EBUSY)/s);
});

test("linux.resources.cpu: shares, quota, period, burst, cpus, mems, idle", () => {
  const cpu = { shares: 512, quota: 50_000, period: 100_000, burst: 10_000, cpus: "0", mems: "0" };
  if (CGROUP_V2) {
    const names = ["cpu.weight", "cpu.max", "cpu.max.burst", "cpuset.cpus", "cpuset.mems"];
    assert.deepEqual(Object.values(files({ cpu }, names)), ["59", "50000 100000", "10000", "0", "0"]);
  } else {
    const names = [
      "cpu.shares",
      "cpu.cfs_quota_us",
      "cpu.cfs_period_us",
      "cpu.cfs_burst_us",
      "cpuset.cpus",
      "cpuset.mems",
    ];
    assert.deepEqual(Object.values(files({ cpu }, names)), ["512", "50000", "100000", "10000", "0", "0"]);
  }
  assert.deepEqual(files({ cpu: { idle: 1 } }, ["cpu.idle"]), { "cpu.idle": "1" });
  assert.match(refusal({ cpu: { cpus: "8000" } }), /linux\.resources\.cpu\.cpus: cannot set cpuset\.cpus to "8000"/);
});

test("linux.resources.cpu.realtimeRuntime, realtimePeriod: set, or refused by name", () => {
  if (!CGROUP_V2 && existsSync("/sys/fs/cgroup/cpu/cpu.rt_runtime_us")) {
    const cpu = { realtimeRuntime: 1000, realtimePeriod: 500_000 };
    using box = new Bundle(resources({ cpu }));
    box.spec.process!.args = ["sleep", "1000"];
    box.write();
    const { status, err } = box.runt("run", "--detach", box.id);
    const group = join("/sys/fs/cgroup/cpu", box.id);
    // the groups above must have such a budget to give
    if (status === 0) assert.equal(readFileSync(join(group, "cpu.rt_runtime_us"), "utf8").trim(), "1000");
    else assert.match(err, /linux\.resources\.cpu\.realtime(Runtime|Period): cannot set cpu\.rt_/);
  } else assert.match(refusal({ cpu: { realtimeRuntime: 1000 } }), /linux\.resources\.cpu\.realtimeRuntime: /);
});

test("linux.resources.pids.limit", () => {
  assert.equal(files({ pids: { limit: 20 } }, ["pids.max"])["pids.max"], "20");
  assert.equal(files({ pids: { limit: -1 } }, ["pids.max"])["pids.max"], "max");
});

test("linux.resources.blockIO: throttles of a device; weights, or that the scheduler has none", () => {
  // the disk below our root, whose number is that of a whole disk or of nothing that can be limited
  const disk = readFileSync("/proc/partitions", "utf8").match(/^ *(\d+) +(\d+) +\d+ ([a-z]+)$/m);
  assert.ok(disk, "there is a disk");
  const [major, minor] = [Number(disk[1]), Number(disk[2])];
  const rate = (n: number) => [{ major, minor, rate: n }];
  const blockIO = {
    throttleReadBpsDevice: rate(MIB),
    throttleWriteBpsDevice: rate(2 * MIB),
    throttleReadIOPSDevice: rate(100),
    throttleWriteIOPSDevice: rate(200),
  };
  if (CGROUP_V2) {
    const { "io.max": shown } = files({ blockIO }, ["io.max"]);
    assert.equal(shown, `${major}:${minor} rbps=${MIB} wbps=${2 * MIB} riops=100 wiops=200`);
  } else {
    const names = ["read_bps", "write_bps", "read_iops", "write_iops"].map((name) => `blkio.throttle.${name}_device`);
    const wanted = [MIB, 2 * MIB, 100, 200].map((n) => `${major}:${minor} ${n}`);
    assert.deepEqual(Object.values(files({ blockIO }, names)), wanted);
  }
  for (const [field, given] of [
    ["weight", { weight: 500 }],
    ["leafWeight", { leafWeight: 500 }],
    ["weightDevice", { weightDevice: [{ major, minor, weight: 500, leafWeight: 500 }] }],
  ] as const) {
    const words = new RegExp(`linux\\.resources\\.blockIO\\.${field}: `);
    const shown = setOrRefused({ blockIO: given } as LinuxResources, words, CGROUP_V2 ? /^io\..*weight/ : /weight/);
    // io.weight has another scale
    if (shown !== undefined)
      assert.match(shown, field === "weightDevice" ? /:\d+ (500|4950)$/m : /\b(500|4950)$/m, field);
  }
  const both = /linux\.resources\.blockIO\.weightDevice\[0\]: needs weight or leafWeight/;
  assert.match(refusal({ blockIO: { weightDevice: [{ major, minor }] } }), both);
  assert.match(refusal({ blockIO: { weight: 70_000 } }), /blockIO\.weight: expected a whole number from 0 to 65535/);
});

test("linux.resources.hugepageLimits, network, rdma: set where the controller is, refused by name where it is not", () => {
  const huge2 = { hugepageLimits: [{ pageSize: "2MB", limit: 4 * MIB }] };
  const priorities = { network: { priorities: [{ name: "lo", priority: 3 }] } };
  const cases: [given: LinuxResources, field: RegExp, files: RegExp, value: RegExp][] = [
    [huge2, /resources\.hugepageLimits/, /^hugetlb\.2MB\.(max|limit_in_bytes)$/, /^4194304$/m],
    [{ network: { classID: 0x100001 } }, /resources\.network\.classID/, /^net_cls\.classid$/, /^1048577$/m],
    [priorities, /resources\.network\.priorities/, /^net_prio\.ifpriomap$/, /^lo 3$/m],
    [
      { rdma: { mlx5_1: { hcaHandles: 3, hcaObjects: 100 } } },
      /resources\.rdma/,
      /^rdma\.max$/,
      /^mlx5_1 hca_handle=3 hca_object=100/m,
    ],
  ];
  for (const [given, field, files, value] of cases) {
    const shown = setOrRefused(given, field, files);
    if (shown !== undefined) assert.match(shown, value);
  }
  const huge = [{ pageSize: "2MB", limit: 0 }, { limit: 1 }];
  assert.match(
    refusal({ hugepageLimits: huge } as never),
    /linux\.resources\.hugepageLimits\[1\]\.pageSize: is missing/,
  );
  assert.match(refusal({ rdma: { mlx5_1: {} } }), /linux\.resources\.rdma\["mlx5_1"\]: needs hcaHandles or hcaObjects/);
});

test("linux.resources.unified: any file of v2, and refused on v1", () => {
  const given = { unified: { "memory.high": String(48 * MIB), "pids.max": "17" } };
  if (CGROUP_V2) {
    assert.deepEqual(files(given, ["memory.high", "pids.max"]), given.unified);
    assert.match(refusal({ unified: { "nosuch.file": "1" } }), /linux\.resources\.unified\.nosuch\.file: /);
  } else assert.match(refusal(given), /linux\.resources\.unified: .*needs cgroup v2/);
});

test("linux.resources.devices: types, numbers, access, in order", () => {
  using box = new Bundle((spec) => {
    spec.linux!.devices = [
      { path: "/dev/kmsg", type: "c", major: 1, minor: 11 },
      { path: "/dev/loop-control", type: "c", major: 10, minor: 237 },
      { path: "/dev/fuse", type: "c", major: 10, minor: 229 },
    ];
    spec.linux!.resources!.devices = [
      { allow: true, access: "rwm" },
      { allow: false, access: "rwm" },
      { allow: true, type: "c", major: 1, minor: 11, access: "rw" },
      { allow: false, type: "c", major: 1, minor: 11, access: "r" },
      { allow: true, type: "c", major: 10, minor: 229 },
    ];
  });
  const out = box.sh(
    "(: < /dev/kmsg) 2>&1; echo > /dev/kmsg && echo written; (: < /dev/loop-control) 2>&1; : < /dev/fuse && echo opened",
  );
  assert.match(out, /kmsg: Operation not permitted\nwritten\n.*loop-control: Operation not permitted\nopened\n$/);
});

test("linux.resources.devices: a device out of the middle of a wildcard: denied on v2, refused on v1", () => {
  const devices = [
    { allow: false, access: "rwm" },
    { allow: true, type: "c", major: 10, access: "rwm" },
    { allow: false, type: "c", major: 10, minor: 237, access: "rwm" },
  ];
  if (!CGROUP_V2) {
    assert.match(
      refusal({ devices }),
      /linux\.resources\.devices: cgroup v1 cannot deny c 10:237 rwm after allow c 10:\* rwm/,
    );
    return;
  }
  using box = new Bundle(resources({ devices }));
  box.spec.linux!.devices = [{ path: "/dev/loop-control", type: "c", major: 10, minor: 237 }];
  assert.match(box.sh("(: < /dev/loop-control) 2>&1; true"), /Operation not permitted/);
});
