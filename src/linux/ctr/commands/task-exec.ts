// ctr tasks exec, attach: a further process in a container; the streams of one that runs.
import { bool, string } from "../../../common/cli/flags.ts";
import { WharfError } from "../../../common/errors.ts";
import { resolveUser } from "../../../common/oci/user.ts";
import { rawMode } from "../../cli/terminal.ts";
import { getContainer, readSpec } from "../container.ts";
import { command, need, usage } from "../ctr.ts";
import { TaskIo } from "../io.ts";
import { deleteProcess, follow, runProcess } from "../process.ts";
import { userFiles } from "../root-files.ts";

/** How containerd's clients name a process's configuration. */
export const PROCESS_TYPE = "types.containerd.io/opencontainers/runtime-spec/1/Process";

export const exec = command({
  name: "exec",
  summary: "Run a further process in a container",
  usage: "--exec-id ID CONTAINER COMMAND [ARG...]",
  flags: {
    "exec-id": string("The process's id, which must be given", { type: "ID" }),
    cwd: string("Working directory", { type: "DIR" }),
    tty: bool("Give it a terminal", { short: "t" }),
    detach: bool("Do not wait for its end", { short: "d" }),
    "fifo-dir": string("Folder for the streams' FIFOs", { type: "DIR" }),
    "log-uri": string("Where the shim writes the output", { type: "URI" }),
    user: string("User", { type: "USER[:GROUP]" }),
  },
  examples: [{ what: "Look at the processes", line: "tasks exec --exec-id look web ps" }],
  run: async (ctr, { flags, args }) => {
    const container = await getContainer(ctr, need(args, 0, "a container"));
    const execId = need([flags["exec-id"]], 0, "--exec-id");
    need(args, 1, "a command");
    if (flags["log-uri"] && flags["fifo-dir"]) throw usage("--log-uri and --fifo-dir exclude each other");
    const { process } = readSpec(container);
    if (!process) throw new WharfError("FailedPrecondition", `container ${container.id} has no process to go by`);
    process.terminal = flags.tty;
    process.args = args.slice(1);
    if (flags.cwd) process.cwd = flags.cwd;
    if (flags.user) {
      const { snapshotter, snapshotKey: key } = container;
      const { mounts } = key ? await ctr.snapshots.mounts({ snapshotter, key }) : { mounts: [] };
      process.user = resolveUser(flags.user, userFiles(mounts));
    }
    const name = { containerId: container.id, execId };
    const io = TaskIo.create(`${container.id}-${execId}`, {
      ...{ tty: flags.tty, fifoDir: flags["fifo-dir"] },
      logUri: flags["log-uri"],
    });
    using _io = io;
    const spec = { typeUrl: PROCESS_TYPE, value: native.bytes(JSON.stringify(process)) };
    await ctr.tasks.exec({ ...name, ...io.streams, spec });
    try {
      return await runProcess(ctr, { name, io, pid: 0, detach: flags.detach, pidFile: "" });
    } finally {
      if (!flags.detach) await ctr.undo(`the process ${execId}`, deleteProcess(ctr, name, false));
    }
  },
});

export const attach = command({
  name: "attach",
  summary: "Connect to a container's streams",
  usage: "CONTAINER",
  flags: {},
  run: async (ctr, { args }) => {
    const containerId = need(args, 0, "a container");
    const { process } = await ctr.tasks.get({ containerId });
    const { stdin, stdout, stderr, terminal } = process!;
    using _raw = terminal ? rawMode(0) : undefined;
    const io = TaskIo.attach({ stdin, stdout, stderr, terminal });
    using _io = io;
    const name = { containerId, execId: "" };
    const code = await follow(ctr, name, io, ctr.tasks.wait(name));
    await deleteProcess(ctr, name, false);
    return code;
  },
});
