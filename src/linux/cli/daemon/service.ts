// A daemon that is systemd's: where wharfd.service is installed, it is started and stopped by systemd alone. One that a command started beside it would
// hold the lock that the unit's own one needs.
import { WharfError } from "../../../common/errors.ts";
import { join } from "../../../common/path.ts";
import { isErrno } from "../../sys/call.ts";
import { readText } from "../../sys/fs.ts";
import { Manager, systemdRuns } from "../../systemd/manager.ts";
import { configOf, type Places, rootOf, stateOf } from "./places.ts";

export const UNIT = "wharfd.service";

/** Where systemd looks for units of the system, first found first. Source: systemd.unit(5). */
const FOLDERS = ["etc/systemd", "run/systemd", "usr/local/lib/systemd", "usr/lib/systemd", "lib/systemd"];

/** The places of the daemon that this unit starts; undefined for one that starts none, such as a masked one. */
export function placesOf(unit: string): Places | undefined {
  const command = unit.match(/^ExecStart=((?:[^\n\\]|\\[\s\S])*)/m)?.[1];
  if (!command) return undefined;
  const flag = (name: string) => {
    const [, quoted, bare] = new RegExp(`\\s--${name}[= ](?:"([^"]*)"|([^\\s"]\\S*))`).exec(command) ?? [];
    return (quoted ?? bare ?? "").replaceAll("%%", "%").replaceAll("$$", "$");
  };
  const none = new Map<string, string>();
  return {
    root: rootOf(none, flag("root")),
    state: stateOf(none, flag("state")),
    config: configOf(none, flag("config")),
  };
}

/** Whether a daemon with these places is systemd's to start. */
export function isService(places: Places): boolean {
  if (!systemdRuns()) return false;
  for (const folder of FOLDERS) {
    let unit: string;
    try {
      unit = readText(`/${folder}/system/${UNIT}`);
    } catch (error) {
      if (isErrno(error, "ENOENT")) continue;
      throw error;
    }
    const own = placesOf(unit);
    return own !== undefined && (["root", "state", "config"] as const).every((key) => own[key] === places[key]);
  }
  return false;
}

/** Returns when the daemon has said that it is ready. */
export function startService(): void {
  using manager = new Manager(false);
  const result = manager.start(UNIT);
  if (result === "done") return;
  throw new WharfError("Unavailable", `systemd could not start ${UNIT}: the job's result is ${result}`, {
    operation: "start the daemon",
    hint: `see: journalctl --unit ${UNIT}`,
  });
}

/** Whether this process is the unit's. */
export function runsAsService(pid: number): boolean {
  if (pid <= 0) return false;
  try {
    return readText(join("/proc", String(pid), "cgroup"))
      .split("\n")
      .some((line) => line.endsWith(`/${UNIT}`));
  } catch (error) {
    if (isErrno(error, "ENOENT") || isErrno(error, "ESRCH")) return false;
    throw error;
  }
}

export function stopService(): void {
  using manager = new Manager(false);
  const result = manager.stop(UNIT);
  if (result !== "done")
    throw new WharfError("Unavailable", `systemd could not stop ${UNIT}: the job's result is ${result}`);
}
