// ctr tasks: the processes of containers.
import { bool, string } from "../../../common/cli/flags.ts";
import { ProcessDetails } from "../../../common/gen/containerd/runc/options.ts";
import { Status } from "../../../common/gen/containerd/types/task.ts";
import { isAny, unpackAny } from "../../../common/protobuf/any.ts";
import { getContainer, readSpec, stopSignalOf } from "../container.ts";
import { command, group, need, throwAll, usage } from "../ctr.ts";
import { detachNetwork } from "../network.ts";
import { deleteProcess, parseSignal, runProcess } from "../process.ts";
import { createTask } from "../task.ts";
import { checkpointTask } from "./task-checkpoint.ts";
import { attach, exec } from "./task-exec.ts";
import { metrics } from "./task-metrics.ts";

const STATUS = new Map<number, string>(Object.entries(Status).map(([name, number]) => [number, name]));

const list = command({
  name: "list",
  summary: "List tasks",
  usage: "",
  flags: { quiet: bool("Only the ids", { short: "q" }) },
  run: async (ctr, { flags }) => {
    const { tasks } = await ctr.tasks.list({});
    if (flags.quiet) for (const { id } of tasks) ctr.line(id);
    else {
      const rows = tasks.map(({ id, pid, status }) => `${id}\t${pid}\t${STATUS.get(status)}`);
      ctr.table(["TASK\tPID\tSTATUS\t", ...rows], 4);
    }
    return 0;
  },
});

const start = command({
  name: "start",
  summary: "Start a container's task",
  usage: "CONTAINER",
  flags: {
    "no-pivot": bool("Do not use pivot_root"),
    "null-io": bool("Without streams"),
    "log-uri": string("Where the shim writes the output", { type: "URI" }),
    "fifo-dir": string("Folder for the streams' FIFOs", { type: "DIR" }),
    "pid-file": string("File that gets the process id", { type: "FILE" }),
    detach: bool("Do not wait for its end", { short: "d" }),
  },
  run: async (ctr, { flags, args }) => {
    const container = await getContainer(ctr, need(args, 0, "a container"));
    const name = { containerId: container.id, execId: "" };
    const { io, pid } = await createTask(ctr, container, {
      tty: readSpec(container).process?.terminal ?? false,
      nullIo: flags["null-io"],
      logUri: flags["log-uri"],
      fifoDir: flags["fifo-dir"],
      noPivot: flags["no-pivot"],
    });
    using _io = io;
    try {
      const code = await runProcess(ctr, { name, io, pid, detach: flags.detach, pidFile: flags["pid-file"] });
      if (!flags.detach) await deleteProcess(ctr, name, false);
      return code;
    } catch (error) {
      await ctr.undo("the task", deleteProcess(ctr, name, true));
      throw error;
    }
  },
});

const kill = command({
  name: "kill",
  summary: "Send a signal to a container's process",
  usage: "CONTAINER",
  flags: {
    signal: string("Signal; the image's stop signal, or SIGTERM, without it", { short: "s" }),
    "exec-id": string("Another process than the first", { type: "ID" }),
    all: bool("All processes of the container", { short: "a" }),
  },
  run: async (ctr, { flags, args }) => {
    if (flags.all && flags["exec-id"]) throw usage("--all and --exec-id exclude each other");
    const container = await getContainer(ctr, need(args, 0, "a container"));
    const signal = parseSignal(flags.signal || stopSignalOf(container));
    await ctr.tasks.kill({ containerId: container.id, execId: flags["exec-id"], signal, all: flags.all });
    return 0;
  },
});

const remove = command({
  name: "delete",
  summary: "Delete tasks that have ended",
  usage: "CONTAINER [CONTAINER...]",
  flags: {
    force: bool("Kill those that run", { short: "f" }),
    "exec-id": string("Another process than the first", { type: "ID" }),
  },
  run: async (ctr, { flags, args }) => {
    if (flags["exec-id"]) {
      return await deleteProcess(
        ctr,
        { containerId: need(args, 0, "a container"), execId: flags["exec-id"] },
        flags.force,
      );
    }
    const errors: Error[] = [];
    for (const containerId of args) {
      try {
        const status = await deleteProcess(ctr, { containerId, execId: "" }, flags.force);
        // a task may be without a container's record
        const container = await getContainer(ctr, containerId).catch(() => undefined);
        if (container) detachNetwork(ctr, container);
        if (status !== 0) ctr.warn(`task ${containerId} exit with non-zero exit code ${status}`);
      } catch (error) {
        errors.push(error as Error);
      }
    }
    throwAll(errors);
    return 0;
  },
});

const pause = command({
  name: "pause",
  summary: "Freeze a container's processes",
  usage: "CONTAINER",
  flags: {},
  run: async (ctr, { args }) => {
    await ctr.tasks.pause({ containerId: need(args, 0, "a container") });
    return 0;
  },
});

const resume = command({
  name: "resume",
  summary: "Let a paused container go on",
  usage: "CONTAINER",
  flags: {},
  run: async (ctr, { args }) => {
    await ctr.tasks.resume({ containerId: need(args, 0, "a container") });
    return 0;
  },
});

const ps = command({
  name: "ps",
  summary: "List a container's processes",
  usage: "CONTAINER",
  flags: {},
  run: async (ctr, { args }) => {
    const { processes } = await ctr.tasks.listPids({ containerId: need(args, 0, "a container") });
    const rows = processes.map(({ pid, info }) => {
      const details = info && isAny(info, ProcessDetails) ? unpackAny(ProcessDetails, info) : undefined;
      return `${pid}\t${details ? `exec_id:"${details.execId}"` : "-"}`;
    });
    ctr.table(["PID\tINFO", ...rows], 4);
    return 0;
  },
});

export const tasks = group("tasks", "Manage tasks", [
  [attach],
  [checkpointTask],
  [remove, "del", "remove", "rm"],
  [exec],
  [list, "ls"],
  [kill],
  [metrics, "metric"],
  [pause],
  [ps],
  [resume],
  [start],
]);
