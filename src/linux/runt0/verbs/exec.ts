// runt exec ID COMMAND…
import { WharfError } from "../../../common/errors.ts";
import type { Process } from "../../../common/oci/runtime.ts";
import { readText } from "../../sys/fs.ts";
import type { Command } from "../command.ts";
import { exec } from "../exec.ts";
import type { Parsed } from "../flags.ts";
import { stayWith } from "../foreground.ts";
import { LAUNCH_FLAGS, launchOptions } from "../launch-flags.ts";
import { loadRecord } from "../state.ts";

function parseUser(text: string): { uid: number; gid: number } {
  const match = /^(\d+)(?::(\d+))?$/.exec(text);
  if (!match) throw new WharfError("InvalidArgument", `--user ${JSON.stringify(text)}: expected UID or UID:GID`);
  return { uid: Number(match[1]), gid: Number(match[2] ?? 0) };
}

/** process.json, or the container's own process with what the flags change. */
function processFrom(parsed: Parsed, base: Process | undefined): Process {
  const file = parsed.string("process");
  if (file !== undefined) return JSON.parse(readText(file)) as Process;
  if (!base) throw new WharfError("FailedPrecondition", "the container has no process to take settings from");
  const process: Process = {
    ...base,
    args: parsed.args.slice(1),
    terminal: parsed.bool("tty"),
    user: { ...base.user },
  };
  process.env = [...(base.env ?? []), ...parsed.list("env")];
  const cwd = parsed.string("cwd");
  if (cwd !== undefined) process.cwd = cwd;
  const user = parsed.string("user");
  if (user !== undefined) process.user = { ...process.user, ...parseUser(user) };
  const groups = parsed.list("additional-gids");
  if (groups.length > 0) process.user.additionalGids = groups.map(Number);
  if (parsed.bool("no-new-privs")) process.noNewPrivileges = true;
  const added = parsed.list("cap");
  if (added.length > 0) {
    const with_ = (names: readonly string[] | undefined) => [...new Set([...(names ?? []), ...added])];
    const caps = base.capabilities ?? {};
    process.capabilities = {
      ...caps,
      bounding: with_(caps.bounding),
      effective: with_(caps.effective),
      permitted: with_(caps.permitted),
    };
  }
  return process;
}

export const execCommand: Command = {
  usage: "exec [--tty] [--user UID[:GID]] [--cwd DIR] [--env NAME=VALUE] [--detach] ID COMMAND [ARG…]",
  summary: "run another process in a container",
  flags: {
    ...LAUNCH_FLAGS,
    "tty|t": "bool",
    "user|u": "string",
    cwd: "string",
    "env|e": "list",
    "process|p": "string",
    "detach|d": "bool",
    "additional-gids|g": "list",
    "cap|c": "list",
    "no-new-privs": "bool",
    "ignore-paused": "bool",
    apparmor: "string",
    "process-label": "string",
    cgroup: "list",
    "pidfd-socket": "string",
  },
  stopAtArgument: true,
  run({ root, warn }, parsed) {
    const [id] = parsed.args;
    if (id === undefined) throw new WharfError("InvalidArgument", "missing argument: ID");
    const record = loadRecord(root, id);
    const process = processFrom(parsed, record.config.process);
    const detach = parsed.bool("detach");
    let master: number | undefined;
    const options = launchOptions(parsed);
    if (!detach && !options.console) options.console = { master: (fd) => (master = fd) };
    const { pid, pidfd } = exec({ root, id, process, warn, ignorePaused: parsed.bool("ignore-paused"), ...options });
    return detach ? 0 : stayWith(pid, pidfd, master);
  },
};
