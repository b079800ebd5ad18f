// What of cgroups needs no cgroup: device rules and their eBPF program, conversions from v1 to v2, places.
import { equal, ok, test, throws } from "../testing.ts";
import { effectiveRules, ruleText } from "./devices.ts";
import { deviceProgram } from "./devices-bpf.ts";
import { cgroupFolder } from "./layout.ts";
import { settingsV2, weightOfShares } from "./v2.ts";

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
