/** Whether the programs that the configuration names are there: told at the start, not with the first container. */

import { accessSync, constants, existsSync } from "node:fs";
import { basename, delimiter, isAbsolute, join } from "node:path";
import { describe, WharfError } from "../common/errors.ts";
import type { RuntimeHandler } from "./config.ts";
import { BIN } from "./open-core.ts";
import { resolveShim } from "./shim/launch.ts";

/** Shims as containerd names them, but for ours. */
const FOREIGN = /^containerd-shim-(?!runt-)/;

/** There as long as systemd is the system's manager. Source: man 3 sd_booted. */
const SYSTEMD = "/run/systemd/system";

/** FailedPrecondition names the handler and the program that is missing. */
export function checkRuntimes(
  runtimes: Readonly<Record<string, RuntimeHandler>>,
  shimPath: readonly string[],
  systemd = SYSTEMD,
): void {
  for (const [name, { type, binary, systemdCgroup }] of Object.entries(runtimes)) {
    const missing = (what: string, hint: string) =>
      new WharfError("FailedPrecondition", `runtime handler ${JSON.stringify(name)}: ${what}`, {
        ...{ operation: "check runtimes", subject: name, hint },
      });
    if (systemdCgroup && !existsSync(systemd)) {
      throw missing(
        "systemd-cgroup has systemd make the control groups, and it does not run here",
        `${systemd} is not there: remove systemd-cgroup from [runtimes.${name}] of the configuration`,
      );
    }
    let shim: string;
    try {
      shim = resolveShim(type, [...shimPath, ...BIN]);
    } catch (error) {
      throw missing(describe(error), `install the shim, or remove [runtimes.${name}] from the configuration`);
    }
    // Docker's log and attach are the shim's work.
    if (FOREIGN.test(basename(shim))) {
      throw missing(
        `the shim ${JSON.stringify(shim)} cannot keep Docker's log`,
        "name the OCI runtime as binary and leave type out; clients of containerd's API may name any shim",
      );
    }
    if (binary !== "" && !executable(binary)) {
      const where = isAbsolute(binary) ? "" : " in PATH";
      throw missing(
        `there is no program ${JSON.stringify(binary)}${where}`,
        `install it, or remove [runtimes.${name}] from the configuration`,
      );
    }
  }
}

function executable(program: string): boolean {
  const places = isAbsolute(program) ? [""] : (process.env.PATH ?? "").split(delimiter).filter(isAbsolute);
  return places.some((place) => {
    try {
      accessSync(join(place, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
