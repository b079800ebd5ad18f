// Which devices a container may use: the rules in force, from the configuration and what every container gets.
import { WharfError } from "../../common/errors.ts";
import type { LinuxDeviceCgroup } from "../../common/oci/runtime.ts";

export interface DeviceRule {
  allow: boolean;
  type: "b" | "c";
  /** -1: all. */
  major: number;
  minor: number;
  access: string;
}

const allow = (type: "b" | "c", major: number, minor: number, access = "rwm"): DeviceRule => ({
  allow: true,
  type,
  major,
  minor,
  access,
});

/** config-linux.md#default-devices, the terminals, and making nodes, which by itself opens nothing. */
const DEFAULTS: readonly DeviceRule[] = [
  allow("c", -1, -1, "m"),
  allow("b", -1, -1, "m"),
  allow("c", 1, 3),
  allow("c", 1, 8),
  allow("c", 1, 7),
  allow("c", 5, 0),
  allow("c", 1, 5),
  allow("c", 1, 9),
  allow("c", 136, -1),
  allow("c", 5, 2),
];

function rules(given: LinuxDeviceCgroup, index: number): DeviceRule[] | "all" {
  const type = given.type || "a";
  const field = `linux.resources.devices[${index}]`;
  if (type !== "a" && type !== "b" && type !== "c") {
    throw new WharfError("InvalidArgument", `${field}.type ${JSON.stringify(type)} is none of "a", "b" and "c"`);
  }
  // "a" among them is heard of, and says nothing more
  const access = given.access?.replaceAll("a", "") || "rwm";
  if (!/^[rwm]+$/.test(access)) {
    throw new WharfError("InvalidArgument", `${field}.access ${JSON.stringify(access)} has other letters than r, w, m`);
  }
  const major = given.major ?? -1;
  const minor = given.minor ?? -1;
  if (type !== "a") return [{ allow: given.allow, type, major, minor, access }];
  if (major < 0 && minor < 0) return "all";
  return (["c", "b"] as const).map((one) => ({ allow: given.allow, type: one, major, minor, access }));
}

/**
 * The rules to carry out, in order, on top of "nothing is allowed", or with `all` on top of "everything is". A rule for
 * everything makes those before it meaningless.
 */
export function effectiveRules(given: readonly LinuxDeviceCgroup[]): { all: boolean; rules: DeviceRule[] } {
  let all = false;
  let list: DeviceRule[] = [];
  for (let i = 0; i < given.length; i++) {
    const next = rules(given[i]!, i);
    if (next === "all") {
      all = given[i]!.allow;
      list = [];
    } else list.push(...next);
  }
  if (all && list.length === 0) return { all, rules: list };
  const known = new Set(list.filter((rule) => rule.allow).map(ruleText));
  for (const standard of DEFAULTS) if (!known.has(ruleText(standard))) list.push(standard);
  return { all, rules: list };
}

/** True when `wide` covers `narrow` and more, in at least one kind of access. */
function coversMore(wide: DeviceRule, narrow: DeviceRule): boolean {
  const same = wide.type === narrow.type && [...narrow.access].some((letter) => wide.access.includes(letter));
  const covers = (a: number, b: number) => a < 0 || a === b;
  const equal =
    Math.max(wide.major, -1) === Math.max(narrow.major, -1) && Math.max(wide.minor, -1) === Math.max(narrow.minor, -1);
  return same && !equal && covers(wide.major, narrow.major) && covers(wide.minor, narrow.minor);
}

/**
 * cgroup v1 keeps a list of exceptions, and takes one away only as a whole: a device out of the middle of "all of this number"
 * would stay what it was. Throws for such a rule.
 */
export function refuseHoles(all: boolean, list: readonly DeviceRule[]): void {
  const exceptions: DeviceRule[] = [];
  for (const rule of list) {
    if (rule.allow !== all) exceptions.push(rule);
    else if (!DEFAULTS.includes(rule)) {
      const wide = exceptions.find((one) => coversMore(one, rule));
      if (!wide) continue;
      const words = ({ allow: yes }: DeviceRule) => (yes ? "allow" : "deny");
      throw new WharfError(
        "FailedPrecondition",
        `linux.resources.devices: cgroup v1 cannot ${words(rule)} ${ruleText(rule)} after ${words(wide)} ${ruleText(wide)}`,
        { hint: "name the devices one by one, or use cgroup v2" },
      );
    }
  }
}

/** As cgroup v1's files take it: "c 1:3 rwm". */
export function ruleText({ type, major, minor, access }: DeviceRule): string {
  return `${type} ${major < 0 ? "*" : major}:${minor < 0 ? "*" : minor} ${access}`;
}
