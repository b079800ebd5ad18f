// ctr leases: what keeps content and snapshots from the garbage collector.
import { bool, duration, string } from "../../../common/cli/flags.ts";
import { command, group, need } from "../ctr.ts";
import { labelsOf, labelText, shortTime } from "../labels.ts";

const DAY_NS = 24 * 3600e9;

const create = command({
  name: "create",
  summary: "Create a lease",
  usage: "[KEY=VALUE...]",
  flags: {
    id: string("Its id; one is made up without it"),
    expires: { ...duration("When it ends by itself; 0 for never", { short: "x" }), initial: DAY_NS },
  },
  run: async (ctr, { flags, args }) => {
    const labels = labelsOf(args);
    if (flags.expires > 0) {
      const end = new Date(Date.now() + flags.expires / 1e6).toISOString().replace(/\.\d+Z$/, "Z");
      labels["containerd.io/gc.expire"] = end;
    }
    const id = flags.id || `${Date.now()}-${Math.random().toString(36).slice(2, 8)}`;
    ctr.line((await ctr.leases.create({ id, labels })).lease!.id);
    return 0;
  },
});

const list = command({
  name: "list",
  summary: "List leases",
  usage: "[FILTER...]",
  flags: { quiet: bool("Only the ids", { short: "q" }) },
  run: async (ctr, { flags, args }) => {
    const { leases: found } = await ctr.leases.list({ filters: args });
    if (flags.quiet) for (const { id } of found) ctr.line(id);
    else {
      const time = (at: (typeof found)[0]["createdAt"]) => (at ? shortTime({ ...at, nanos: 0 }) : "");
      const rows = found.map(({ id, createdAt, labels }) => `${id}\t${time(createdAt)}\t${labelText(labels)}\t`);
      ctr.table(["ID\tCREATED AT\tLABELS\t", ...rows], 1);
    }
    return 0;
  },
});

const remove = command({
  name: "delete",
  summary: "Delete leases",
  usage: "LEASE [LEASE...]",
  flags: { sync: bool("Wait until what nothing holds any more is removed") },
  run: async (ctr, { flags, args }) => {
    need(args, 0, "a lease");
    for (const [at, id] of args.entries()) {
      await ctr.leases.delete({ id, sync: flags.sync && at === args.length - 1 });
      ctr.line(id);
    }
    return 0;
  },
});

export const leases = group("leases", "Manage leases", [[list, "ls"], [create], [remove, "del", "remove", "rm"]]);
