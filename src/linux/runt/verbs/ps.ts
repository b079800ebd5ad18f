// runt ps ID
import { WharfError } from "../../../common/errors.ts";
import { readText } from "../../sys/fs.ts";
import { stdout } from "../../sys/out.ts";
import type { Command } from "../command.ts";
import { pids } from "../control.ts";
import { table } from "../table.ts";

export const psCommand: Command = {
  usage: "ps [--format table|json] ID",
  summary: "list the processes of a container",
  flags: { "format|f": "string" },
  run({ root }, parsed) {
    const [id] = parsed.args;
    if (id === undefined) throw new WharfError("InvalidArgument", "missing argument: ID");
    const all = pids(root, id);
    if (parsed.string("format") === "json") {
      stdout(`${JSON.stringify(all)}\n`);
      return 0;
    }
    const rows = all.flatMap((pid) => {
      try {
        const command = readText(`/proc/${pid}/cmdline`).replace(/\0$/, "").replaceAll("\0", " ");
        const uid = /^Uid:\s+(\d+)/m.exec(readText(`/proc/${pid}/status`))?.[1] ?? "?";
        return [[uid, String(pid), command]];
      } catch {
        return []; // ended meanwhile
      }
    });
    stdout(table([["UID", "PID", "CMD"], ...rows]));
    return 0;
  },
};
