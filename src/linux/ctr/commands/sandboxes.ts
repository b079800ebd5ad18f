// ctr sandboxes: pods, as containerd's sandbox API has them.
import { bool, list as listFlag, string } from "../../../common/cli/flags.ts";
import { isCode, WharfError } from "../../../common/errors.ts";
import { readText } from "../../sys/fs.ts";
import { specAny } from "../container.ts";
import { command, group, need, throwAll } from "../ctr.ts";
import { goTime } from "../labels.ts";

const run = command({
  name: "run",
  summary: "Create and start a sandbox",
  usage: "CONFIG ID",
  flags: {
    runtime: string("Runtime", { initial: "io.containerd.runc.v2" }),
    sandboxer: string("Who makes it", { initial: "shim" }),
  },
  run: async (ctr, { flags, args }) => {
    const path = need(args, 0, "a file with the configuration");
    const sandboxId = need(args, 1, "an id");
    let config: unknown;
    try {
      config = JSON.parse(readText(path));
    } catch (cause) {
      throw new WharfError("InvalidArgument", `cannot read the configuration ${JSON.stringify(path)}`, { cause });
    }
    const { runtime: name, sandboxer } = flags;
    const sandbox = { sandboxId, runtime: { name }, spec: specAny(config), sandboxer };
    await ctr.sandboxes.create({ sandbox });
    try {
      await ctr.sandboxController.create({ sandboxId, sandbox, sandboxer });
      await ctr.sandboxController.start({ sandboxId, sandboxer });
    } catch (error) {
      await ctr.undo("the sandbox", ctr.sandboxController.shutdown({ sandboxId, sandboxer }));
      await ctr.undo("the sandbox's record", ctr.sandboxes.delete({ sandboxId }));
      throw error;
    }
    ctr.line(sandboxId);
    return 0;
  },
});

const list = command({
  name: "list",
  summary: "List sandboxes",
  usage: "",
  flags: { filters: listFlag("Which ones", { type: "FILTER" }) },
  run: async (ctr, { flags }) => {
    const { list: found } = await ctr.sandboxes.list({ filters: flags.filters });
    const rows = found.map(
      ({ sandboxId, createdAt, runtime }) => `${sandboxId}\t${goTime(createdAt)}\t${runtime?.name}\t`,
    );
    ctr.table(["ID\tCREATED\tRUNTIME\t", ...rows], 1);
    return 0;
  },
});

const remove = command({
  name: "remove",
  summary: "Stop and remove sandboxes",
  usage: "ID [ID...]",
  flags: { force: bool("Also those that cannot be stopped", { short: "f" }) },
  run: async (ctr, { flags, args }) => {
    const errors: Error[] = [];
    for (const sandboxId of args) {
      try {
        const { sandbox } = await ctr.sandboxes.get({ sandboxId });
        const { sandboxer } = sandbox!;
        await ctr.sandboxController.stop({ sandboxId, sandboxer }).catch((error: unknown) => {
          if (!flags.force) throw error;
        });
        // one that never ran, or whose creation was cut short, has its record alone
        await ctr.sandboxController.shutdown({ sandboxId, sandboxer }).catch((error: unknown) => {
          if (!isCode(error, "NotFound")) throw error;
        });
        await ctr.sandboxes.delete({ sandboxId });
        ctr.line(sandboxId);
      } catch (error) {
        errors.push(error as Error);
      }
    }
    throwAll(errors);
    return 0;
  },
});

export const sandboxes = group("sandboxes", "Manage sandboxes", [
  [run, "create", "c", "r"],
  [list, "ls"],
  [remove, "rm"],
]);
