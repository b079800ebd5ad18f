// Profiles of AppArmor, as the kernel has them.
import { isCode, WharfError } from "../../common/errors.ts";
import { readText } from "../sys/fs.ts";

const PROFILES = "/sys/kernel/security/apparmor/profiles";

/** `--apparmor-default-profile`: a profile of that name, which the host has to have loaded. FailedPrecondition otherwise. */
export function loadDefaultProfile(name: string): string {
  let loaded: string;
  try {
    loaded = readText(PROFILES);
  } catch (cause) {
    if (!isCode(cause, "NotFound")) throw cause;
    const why = "this host has no AppArmor, or its securityfs is not mounted";
    throw new WharfError("FailedPrecondition", `profile ${JSON.stringify(name)}: ${why}`, { cause });
  }
  if (loaded.split("\n").some((line) => line.startsWith(`${name} (`))) return name;
  throw new WharfError("FailedPrecondition", `the AppArmor profile ${JSON.stringify(name)} is not loaded`, {
    hint: "load it with apparmor_parser -Kr FILE",
  });
}
