// runt list
import { WharfError } from "../../../common/errors.ts";
import { exists } from "../../sys/fs.ts";
import { stdout } from "../../sys/out.ts";
import type { Command } from "../command.ts";
import { positional } from "../flags.ts";
import { defaultRoot } from "../state.ts";
import { table } from "../table.ts";
import { list } from "../view.ts";

/** Where nobody has made a container yet, there is nothing to complain about. */
function usualRoot(): string | undefined {
  try {
    return defaultRoot();
  } catch {
    return undefined;
  }
}

export const listCommand: Command = {
  usage: "list [--format table|json] [--quiet]",
  summary: "list the containers of a state folder",
  flags: { "format|f": "string", "quiet|q": "bool" },
  run({ root, warn }, parsed) {
    positional(parsed);
    if (root !== usualRoot() && !exists(root)) {
      throw new WharfError("NotFound", `there is no state folder ${JSON.stringify(root)}`, { subject: root });
    }
    const states = list(root, warn);
    const format = parsed.string("format") ?? "table";
    if (parsed.bool("quiet")) stdout(states.map(({ id }) => `${id}\n`).join(""));
    else if (format === "json") stdout(`${JSON.stringify(states)}\n`);
    else if (format === "table") {
      const rows = states.map(({ id, pid, status, bundle, created, owner }) => [
        id,
        String(pid),
        status,
        bundle,
        created,
        owner,
      ]);
      stdout(table([["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"], ...rows]));
    } else
      throw new WharfError("InvalidArgument", `invalid format ${JSON.stringify(format)}`, { hint: "table or json" });
    return 0;
  },
};
