// runt list, runt ps
import { WharfError } from "../../../common/errors.ts";
import { readText } from "../../sys/fs.ts";
import { stdout } from "../../sys/out.ts";
import type { Command } from "../command.ts";
import { positional } from "../flags.ts";
import { list, processes } from "../lifecycle.ts";

/** Columns as wide as their widest cell, three spaces between, as runc prints them. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows
    .map((row) => `${row.map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i]! + 3))).join("")}\n`)
    .join("");
}

export const listCommand: Command = {
  usage: "list [--format table|json] [--quiet]",
  summary: "list the containers of a state folder",
  flags: { "format|f": "string", "quiet|q": "bool" },
  run({ root, warn }, parsed) {
    positional(parsed);
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

export const psCommand: Command = {
  usage: "ps [--format table|json] ID",
  summary: "list the processes of a container",
  flags: { "format|f": "string" },
  run({ root }, parsed) {
    const [id = ""] = parsed.args;
    const pids = processes(root, id);
    if (parsed.string("format") === "json") {
      stdout(`${JSON.stringify(pids)}\n`);
      return 0;
    }
    const rows = pids.flatMap((pid) => {
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
