// ctr run: a container and its task in one go.
import { bool, int, string } from "../../../common/cli/flags.ts";
import { newContainer, removeContainer } from "../container.ts";
import { command, usage } from "../ctr.ts";
import { CONTAINER } from "../flags.ts";
import { attachNetwork, detachNetwork } from "../network.ts";
import { deleteProcess, runProcess } from "../process.ts";
import { createTask } from "../task.ts";

export const run = command({
  name: "run",
  summary: "Run a container",
  usage: "IMAGE|FOLDER CONTAINER [COMMAND] [ARG...]",
  flags: {
    ...CONTAINER,
    "cpu-shares": int("CPU shares; none without a positive number", { initial: 1024 }),
    rm: bool("Remove the container when it has ended"),
    detach: bool("Do not wait for its end", { short: "d" }),
    "null-io": bool("Without streams"),
    "log-uri": string("Where the shim writes the output", { type: "URI" }),
    "fifo-dir": string("Folder for the streams' FIFOs", { type: "DIR" }),
    checkpoint: string("Image with a checkpoint to start from", { type: "IMAGE" }),
    cni: bool("Attach to the first network of /etc/cni/net.d"),
    "sync-fs": bool("Write the files to disk while unpacking", { hidden: true }),
  },
  examples: [
    { what: "A command and its output", line: "run --rm docker.io/library/busybox:latest box echo hello" },
    { what: "In the background", line: "run -d localhost:5000/web:1 web" },
  ],
  run: async (ctr, input) => {
    const { flags } = input;
    if (flags.rm && flags.detach) throw usage("--rm and --detach exclude each other");
    const { container, mounts } = await newContainer(ctr, input);
    const name = { containerId: container.id, execId: "" };
    let removed = false;
    const removeIfWanted = async () => {
      if (!flags.rm || removed) return;
      removed = true;
      await removeContainer(ctr, container);
    };
    try {
      const { io, pid } = await createTask(ctr, container, {
        tty: flags.tty,
        nullIo: flags["null-io"],
        logUri: flags["log-uri"],
        fifoDir: flags["fifo-dir"],
        checkpoint: flags.checkpoint,
        noPivot: flags["no-pivot"],
        mounts,
      });
      using _io = io;
      let code: number;
      let attached = false;
      try {
        if (flags.cni) attachNetwork(ctr, container, pid);
        attached = flags.cni;
        code = await runProcess(ctr, { name, io, pid, detach: flags.detach, pidFile: flags["pid-file"] });
        // its streams are ours, and go with them
        if (!flags.detach) await ctr.tasks.delete({ containerId: container.id });
      } catch (error) {
        if (attached) detachNetwork(ctr, container);
        await ctr.undo("the task", deleteProcess(ctr, name, true));
        throw error;
      }
      if (!flags.detach) detachNetwork(ctr, container);
      await removeIfWanted();
      return code;
    } finally {
      await ctr.undo("the container", removeIfWanted());
    }
  },
});
