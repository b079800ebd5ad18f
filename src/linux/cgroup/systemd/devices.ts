// Device rules as systemd's DeviceAllow: a list of what is allowed, no more.
import type { LinuxDeviceCgroup } from "../../../common/oci/runtime.ts";
import type { Property } from "../../systemd/manager.ts";
import { type DeviceRule, effectiveRules } from "../devices.ts";
import { property, text } from "./values.ts";

/** The device as systemd names it; undefined for one major number left open, which it cannot say. */
function specifier({ type, major, minor }: DeviceRule): string | undefined {
  const kind = type === "b" ? "block" : "char";
  if (major < 0) return minor < 0 ? `${kind}-*` : undefined;
  return minor < 0 ? `${kind}-${major}` : `/dev/${kind}/${major}:${minor}`;
}

/**
 * What systemd puts in force with its own program. Rules that it cannot express (an exception from what is allowed) are left to our
 * program alone: systemd then limits nothing.
 */
export function deviceProperties(given: readonly LinuxDeviceCgroup[]): Property[] {
  const { all, rules } = effectiveRules(given);
  const entries = rules.map((rule) => [specifier(rule), rule.access] as const);
  const expressible = !all && rules.every(({ allow }) => allow) && entries.every(([name]) => name !== undefined);
  // the empty list takes away what was in force before
  const clear = property("DeviceAllow", "a(ss)", []);
  if (!expressible) return [clear, text("DevicePolicy", "auto")];
  return [clear, text("DevicePolicy", "strict"), property("DeviceAllow", "a(ss)", entries as [string, string][])];
}
