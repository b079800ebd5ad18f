// runt exec ID COMMAND…
import { WharfError } from "../../../common/errors.ts";
import type { Process } from "../../../common/oci/runtime.ts";
import { PROCESS_SHAPE } from "../../../common/oci/runtime-shape.ts";
import { readText } from "../../sys/fs.ts";
import { checker } from "../../sys/shape.ts";
import type { Command } from "../command.ts";
import { type ExecOptions, exec } from "../exec.ts";
import { parseSubCgroups } from "../exec-cgroup.ts";
import { type Parsed, usage } from "../flags.ts";
import { holdSignals, stayWith, stayWithTerminal } from "../foreground.ts";
import { LAUNCH_FLAGS, launchOptions } from "../launch-flags.ts";
import { loadRecord } from "../state.ts";

const faultOf = checker(PROCESS_SHAPE);

function parseUser(text: string): { uid: number; gid: number } {
  const match = /^(\d+)(?::(\d+))?$/.exec(text);
  if (!match) throw new WharfError("InvalidArgument", `--user ${JSON.stringify(text)}: expected UID or UID:GID`);
  return { uid: Number(match[1]), gid: Number(match[2] ?? 0) };
}

function fromFile(path: string): Process {
  let process: Process;
  try {
    process = JSON.parse(readText(path)) as Process;
  } catch (cause) {
    throw WharfError.from(cause).errno
      ? cause
      : new WharfError("InvalidArgument", `${path} is not valid JSON`, { cause });
  }
  const fault = faultOf(process);
  if (fault) throw new WharfError("InvalidArgument", `${path}: process${fault.path}: ${fault.why}`, { subject: path });
  return process;
}

/** process.json, or the container's own process with what the flags change. */
function processFrom(parsed: Parsed, base: Process | undefined): Process {
  const file = parsed.string("process");
  if (file !== undefined) return fromFile(file);
  if (!base) throw new WharfError("FailedPrecondition", "the container has no process to take settings from");
  const process: Process = {
    ...base,
    args: parsed.args.slice(1),
    terminal: parsed.bool("tty"),
    user: { ...base.user },
  };
  if (process.args!.length === 0) throw new WharfError("InvalidArgument", "missing argument: COMMAND");
  process.env = [...(base.env ?? []), ...parsed.list("env")];
  const cwd = parsed.string("cwd");
  if (cwd !== undefined) process.cwd = cwd;
  const user = parsed.string("user");
  if (user !== undefined) process.user = { ...process.user, ...parseUser(user) };
  const groups = parsed.list("additional-gids");
  if (groups.length > 0) process.user.additionalGids = groups.map(Number);
  if (parsed.bool("no-new-privs")) process.noNewPrivileges = true;
  const label = parsed.string("process-label");
  if (label) process.selinuxLabel = label;
  const profile = parsed.string("apparmor");
  if (profile) process.apparmorProfile = profile;
  const added = parsed.list("cap");
  if (added.length > 0) process.capabilities = withCapabilities(base, added);
  return process;
}

function withCapabilities({ capabilities = {} }: Process, added: readonly string[]): Process["capabilities"] {
  const more = (names: readonly string[] | undefined) => [...new Set([...(names ?? []), ...added])];
  return {
    ...capabilities,
    bounding: more(capabilities.bounding),
    effective: more(capabilities.effective),
    permitted: more(capabilities.permitted),
    // what is not inheritable cannot be ambient: as in runc, only who has set some inheritable ones means it
    ...(capabilities.inheritable ? { ambient: more(capabilities.ambient) } : {}),
  };
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
    "process-label": "string",
    apparmor: "string",
    "no-new-privs": "bool",
    "ignore-paused": "bool",
    cgroup: "list",
  },
  stopAtArgument: true,
  run(context, parsed) {
    const [id] = parsed.args;
    if (id === undefined) throw usage("missing argument: ID");
    const process = processFrom(parsed, loadRecord(context.root, id).process);
    const detach = parsed.bool("detach");
    let master = -1;
    const options: ExecOptions = { ...context, id, process, ...launchOptions(parsed) };
    options.ignorePaused = parsed.bool("ignore-paused");
    options.subCgroups = parseSubCgroups(parsed.list("cgroup"));
    if (!detach && !options.console) {
      options.console = {
        master(fd) {
          master = fd;
        },
      };
    }
    const signals = detach ? -1 : holdSignals();
    const { pid, pidfd } = exec(options);
    if (detach) return 0;
    return master < 0 ? stayWith(pid, pidfd, signals) : stayWithTerminal(pid, pidfd, signals, master);
  },
};
