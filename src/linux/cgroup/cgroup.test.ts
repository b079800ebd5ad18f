// What of cgroups needs no cgroup: usage, device rules and their eBPF program, conversions from v1 to v2, places.
import { mkdirs, rmdir, unlink, writeFile } from "../sys/fs.ts";
import { environment, getpid } from "../sys/process.ts";
import { equal, ok, test, throws } from "../testing.ts";
import { effectiveRules, ruleText } from "./devices.ts";
import { deviceProgram } from "./devices-bpf.ts";
import { cgroupFolder } from "./layout.ts";
import { checkUsage } from "./limit.ts";
import { annotatedProperties } from "./systemd/annotations.ts";
import { deviceProperties } from "./systemd/devices.ts";
import { scopeOf, sliceFolder } from "./systemd/place.ts";
import { propertiesV1, propertiesV2, remarkOnCpu } from "./systemd/properties.ts";
import { listToBits, roundedQuota } from "./systemd/values.ts";
import { settingsV1 } from "./v1.ts";
import { settingsV2, swapOf, weightOfShares } from "./v2.ts";

/** Runs a device program as the kernel would: enough of eBPF for what deviceProgram makes. */
function allowed(program: BigUint64Array, type: "b" | "c", access: number, major: number, minor: number): boolean {
  const context = [(type === "b" ? 1 : 2) | (access << 16), major, minor];
  const r = new Array<number>(11).fill(0);
  for (let at = 0; ; at++) {
    const word = program[at]!;
    const op = Number(word & 0xffn);
    const to = Number((word >> 8n) & 0xfn);
    const from = Number((word >> 12n) & 0xfn);
    const offset = Number(BigInt.asIntN(16, word >> 16n));
    const value = Number(word >> 32n);
    if (op === 0x61) r[to] = context[offset / 4]!;
    else if (op === 0xbc) r[to] = r[from]!;
    else if (op === 0xb4) r[to] = value;
    else if (op === 0x54) r[to] = (r[to]! & value) >>> 0;
    else if (op === 0x74) r[to] = r[to]! >>> value;
    else if (op === 0x16) at += r[to] === value ? offset : 0;
    else if (op === 0x56) at += r[to] !== value ? offset : 0;
    else if (op === 0x5e) at += r[to] !== r[from] ? offset : 0;
    else if (op === 0x95) return r[0] === 1;
    else throw new Error(`unknown operation ${op}`);
  }
}

const [MKNOD, READ, WRITE] = [1, 2, 4];

test("deviceProgram() lets through what the last fitting rule allows, and nothing else", () => {
  const { all, rules } = effectiveRules([
    { allow: false, access: "rwm" },
    { allow: true, type: "c", major: 10, minor: -1, access: "rw" },
    { allow: false, type: "c", major: 10, minor: 200, access: "w" },
    { allow: true, type: "b", major: 8, minor: 0, access: "r" },
  ]);
  const program = deviceProgram(all, rules);
  equal(allowed(program, "c", READ | WRITE, 10, 5), true, "all minors");
  equal(allowed(program, "c", READ, 10, 200), true, "reading is not denied");
  equal(allowed(program, "c", READ | WRITE, 10, 200), false, "writing is");
  equal(allowed(program, "b", READ, 8, 0), true);
  equal(allowed(program, "b", READ | WRITE, 8, 0), false, "more than is allowed");
  equal(allowed(program, "c", READ, 8, 0), false, "another type");
  equal(allowed(program, "c", MKNOD, 99, 99), true, "making nodes opens nothing");
  equal(allowed(program, "c", READ | WRITE, 1, 3), true, "/dev/null is always there");
  equal(allowed(program, "b", READ, 99, 0), false);
});

test("deviceProgram() with everything allowed denies what is named", () => {
  const { all, rules } = effectiveRules([
    { allow: true, access: "rwm" },
    { allow: false, type: "b", major: 7, minor: 7, access: "rwm" },
  ]);
  const program = deviceProgram(all, rules);
  equal(allowed(program, "b", READ, 7, 7), false);
  equal(allowed(program, "b", READ, 7, 8), true);
});

test("effectiveRules() starts anew at a rule for everything, adds the defaults once, and names what is wrong", () => {
  const { all, rules } = effectiveRules([
    { allow: true, type: "c", major: 9, minor: 9 },
    { allow: false },
    { allow: true, type: "c", major: 1, minor: 3, access: "rwm" },
  ]);
  equal(all, false);
  const texts = rules.map(ruleText);
  equal(texts.filter((text) => text === "c 1:3 rwm").length, 1);
  ok(!texts.includes("c 9:9 rwm"), "what came before is of no meaning");
  equal(effectiveRules([{ allow: true, access: "rwm" }]), { all: true, rules: [] });
  throws(() => effectiveRules([{ allow: true, type: "c", access: "x" }]), /devices\[0\]\.access "x"/);
});

test("weightOfShares() maps ends and defaults of v1 to those of v2", () => {
  equal([2, 1024, 262144].map(weightOfShares), [1, 100, 10000]);
});

test("settingsV2() takes memory out of memory and swap", () => {
  const settings = settingsV2({ memory: { limit: 100, swap: 150 }, pids: { limit: -1 } });
  const value = (file: string) => settings.find((setting) => setting.file === file)?.value;
  equal([value("memory.max"), value("memory.swap.max"), value("pids.max")], ["100", "50", "max"]);
});

test("cgroupFolder() keeps absolute paths at the top, relative ones beside the caller, and all inside the hierarchy", () => {
  const hierarchy = { controllers: "cpu", mountpoint: "/sys/fs/cgroup/cpu", own: "/" };
  equal(cgroupFolder(hierarchy, "/a//b/./c", "id"), "/sys/fs/cgroup/cpu/a/b/c");
  equal(cgroupFolder(hierarchy, undefined, "id"), "/sys/fs/cgroup/cpu/id");
  throws(() => cgroupFolder(hierarchy, "/a/../..", "id"), /must not contain/);
  throws(() => cgroupFolder(hierarchy, "/", "id"), /hierarchy's root/);
  throws(() => cgroupFolder(hierarchy, "system.slice:docker:x", "id"), /systemd driver/);
});

test("swapOf() says what v2 limits, and refuses what cannot be", () => {
  equal(
    [swapOf({ limit: 100, swap: 100 }), swapOf({ limit: -1, swap: 5 }), swapOf({ limit: 9, swap: -1 })],
    [0, 5, -1],
  );
  equal([swapOf({ limit: -1 }), swapOf({ limit: 9 })], [-1, undefined], "no limit of memory is none of swap");
  throws(() => swapOf({ limit: 100, swap: 50 }), /memory\.swap: 50 is less than/);
  throws(() => swapOf({ swap: 50 }), /memory\.swap: cannot be limited without/);
});

test("settings: pids.limit 0 is 1, as systemd has it; a burst may have to wait for its quota", () => {
  for (const settings of [settingsV1, settingsV2]) {
    equal(
      settings({ pids: { limit: 0 } }).map(({ value }) => value),
      ["1"],
    );
    const [burst] = settings({ cpu: { burst: 5, quota: 10 } });
    equal([burst?.value, burst?.again], ["5", true]);
  }
  throws(() => settingsV1({ cpu: { shares: 1 } }), /the minimum allowed cpu-shares is 2/);
  throws(() => settingsV1({ cpu: { shares: 262145 } }), /the maximum allowed cpu-shares is 262144/);
});

test("scopeOf() and sliceFolder(): names of systemd as folders", () => {
  equal(scopeOf("a-b.slice:docker:x", "id", false), { unit: "docker-x.scope", slice: "a-b.slice", user: false });
  equal(scopeOf(":p:x", "id", true).slice, "user.slice");
  equal(scopeOf(undefined, "id", false), { unit: "runt-id.scope", slice: "system.slice", user: false });
  equal(sliceFolder("a-b-c.slice"), "/a.slice/a-b.slice/a-b-c.slice");
  equal(sliceFolder("-.slice"), "");
  for (const bad of ["/a/b", "a:b", "a:b:c:d", "a:b:"]) throws(() => scopeOf(bad, "id", false), /slice:prefix:name/);
  for (const bad of ["a:b:c", ".slice:b:c", "a--b.slice:b:c", "-a.slice:b:c"]) {
    throws(() => scopeOf(bad, "id", false), /is no name of a slice/);
  }
  throws(() => scopeOf("a.slice:b:c.slice", "id", false), /cannot be the slice/);
});

test("listToBits() and roundedQuota(): values as systemd keeps them", () => {
  equal(listToBits("0-1, 9", "f"), new Uint8Array([3, 2]));
  for (const bad of ["", "3-1", "a", "1-"]) throws(() => listToBits(bad, "f"), /is no list/);
  equal([roundedQuota(51234, 200000), roundedQuota(5000), roundedQuota(-1, 100)], [52000, 5000, -1]);
});

const told = (properties: ReturnType<typeof propertiesV2>) =>
  Object.fromEntries(properties.map(([name, { value }]) => [name, typeof value === "bigint" ? Number(value) : value]));

test("propertiesV2(): resources and unified, for the systemd that is there", () => {
  const resources = {
    memory: { limit: 100, swap: 150, reservation: -1 },
    cpu: { shares: 1024, quota: 1, period: 0, cpus: "0" },
    pids: { limit: 0 },
    blockIO: { weight: 10 },
    unified: { "memory.high": "max", "cpu.weight": "7", "io.max": "8:0 rbps=1", "pids.max": "5" },
  };
  equal(told(propertiesV2(resources, { version: 260 })), {
    MemoryMax: 100,
    MemoryLow: 2 ** 64,
    MemorySwapMax: 50,
    CPUWeight: 7,
    CPUQuotaPerSecUSec: 10000,
    AllowedCPUs: new Uint8Array([1]),
    IOWeight: 1,
    TasksMax: 5,
    MemoryHigh: 2 ** 64,
  });
  equal(told(propertiesV2({ cpu: { idle: 1, shares: 5 } }, { version: 252 })), { CPUWeight: 0 });
  equal(told(propertiesV2({ cpu: { idle: 1, cpus: "0", period: 5 } }, { version: 230 })), {
    CPUQuotaPerSecUSec: 2 ** 64,
  });
  throws(() => propertiesV2({ unified: { "memory.max": "1M" } }, { version: 260 }), /unified\.memory\.max/);
});

test("propertiesV1(): the older names", () => {
  const resources = { memory: { limit: 100 }, cpu: { shares: 512 }, blockIO: { weight: 300 }, pids: { limit: -1 } };
  equal(told(propertiesV1(resources, { version: 247 })), {
    MemoryLimit: 100,
    CPUShares: 512,
    BlockIOWeight: 300,
    TasksMax: 2 ** 64,
  });
});

test("deviceProperties(): a list of what is allowed, or nothing where that cannot say it", () => {
  const list = (given: Parameters<typeof deviceProperties>[0]) =>
    deviceProperties(given).map(([name, { value }]) => [name, value]);
  const strict = list([{ allow: true, type: "b", major: 8, minor: -1, access: "r" }]);
  equal(strict.slice(0, 2), [
    ["DeviceAllow", []],
    ["DevicePolicy", "strict"],
  ]);
  equal((strict[2]![1] as string[][]).slice(0, 3), [
    ["block-8", "r"],
    ["char-*", "m"],
    ["block-*", "m"],
  ]);
  const auto = [
    ["DeviceAllow", []],
    ["DevicePolicy", "auto"],
  ];
  equal(list([{ allow: true }]), auto);
  equal(list([{ allow: true, type: "c", major: -1, minor: 5 }]), auto);
  equal(
    list([
      { allow: true, type: "c", major: 1, minor: -1 },
      { allow: false, type: "c", major: 1, minor: 5 },
    ]),
    auto,
  );
});

test("annotatedProperties(): times in seconds become microseconds; what is wrong is named", () => {
  equal(annotatedProperties({ "org.systemd.property.TimeoutStopSec": "double 1.5", other: "x" }), [
    ["TimeoutStopUSec", { signature: "t", value: 1500000n }],
  ]);
  throws(() => annotatedProperties({ "org.systemd.property.X": "1" }), /property\.X/);
  throws(() => annotatedProperties({ "org.systemd.property.FooSec": "'a'" }), /FooSec/);
});

test("remarkOnCpu() tells what systemd cannot have both of", () => {
  for (const both of [
    { cpu: { idle: 1, shares: 5 } },
    { unified: { "cpu.idle": "1", "cpu.weight": "8" } },
    { cpu: { shares: 5 }, unified: { "cpu.idle": "1" } },
  ])
    ok(remarkOnCpu(both)?.includes("unable to apply both"), JSON.stringify(both));
  for (const one of [{ cpu: { idle: 1 } }, { cpu: { idle: 0, shares: 5 } }, { unified: { "cpu.weight": "8" } }, {}])
    equal(remarkOnCpu(one), undefined);
});

test("checkUsage() refuses a limit below what is used, memory with swap before memory", () => {
  const folder = `${environment().get("TMPDIR") ?? "/tmp"}/memory-${getpid()}`;
  mkdirs(folder);
  writeFile(`${folder}/memory.current`, "4096\n");
  const group = { mode: "v2" as const, paths: { "": folder } };
  const check = (memory: object) => checkUsage(group, { memory: { checkBeforeUpdate: true, ...memory } });
  try {
    throws(
      () => check({ limit: 1024 }),
      /memory\.limit: rejecting memory limit 1024: not more than the 4096 bytes in use/,
    );
    throws(() => check({ limit: 1024, swap: 2048 }), /memory\.swap: rejecting memory\+swap limit 2048/);
    check({ limit: 5000, swap: 6000 });
    check({ limit: 1024, checkBeforeUpdate: false });
  } finally {
    unlink(`${folder}/memory.current`);
    rmdir(folder);
  }
});
