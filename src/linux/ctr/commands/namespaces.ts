// ctr namespaces: worlds apart within one containerd.
import { bool } from "../../../common/cli/flags.ts";
import { isCode } from "../../../common/errors.ts";
import { command, group, need, throwAll } from "../ctr.ts";
import { labelPaths, labelsOf, labelText } from "../labels.ts";

const create = command({
  name: "create",
  summary: "Create a namespace",
  usage: "NAME [KEY=VALUE...]",
  flags: {},
  run: async (ctr, { args }) => {
    await ctr.namespaces.create({ namespace: { name: need(args, 0, "a name"), labels: labelsOf(args.slice(1)) } });
    return 0;
  },
});

const label = command({
  name: "label",
  summary: "Set or clear labels of a namespace",
  usage: "NAME KEY=VALUE...",
  flags: {},
  run: async (ctr, { args }) => {
    const labels = labelsOf(args.slice(1));
    const namespace = { name: need(args, 0, "a name"), labels };
    await ctr.namespaces.update({ namespace, updateMask: { paths: labelPaths(labels) } });
    return 0;
  },
});

const list = command({
  name: "list",
  summary: "List namespaces",
  usage: "",
  flags: { quiet: bool("Only the names", { short: "q" }) },
  run: async (ctr, { flags }) => {
    const { namespaces: found } = await ctr.namespaces.list({});
    if (flags.quiet) for (const { name } of found) ctr.line(name);
    else {
      const rows = found.map(({ name, labels }) => `${name}\t${labelText(labels).replace(/^-$/, "")}\t`);
      ctr.table(["NAME\tLABELS\t", ...rows], 1);
    }
    return 0;
  },
});

const remove = command({
  name: "remove",
  summary: "Remove namespaces that are empty",
  usage: "NAME [NAME...]",
  flags: { cgroup: bool("Remove the namespace's cgroup too", { short: "c" }) },
  run: async (ctr, { args }) => {
    const errors: Error[] = [];
    for (const name of args) {
      try {
        await ctr.namespaces.delete({ name });
      } catch (error) {
        if (!isCode(error, "NotFound")) {
          errors.push(error as Error);
          continue;
        }
      }
      ctr.line(name);
    }
    throwAll(errors);
    return 0;
  },
});

export const namespaces = group("namespaces", "Manage namespaces", [
  [create, "c"],
  [list, "ls"],
  [remove, "rm"],
  [label],
]);
