// runt ps ID [OPTION…]: a container's processes as the host's ps shows them, with its options; without a ps a short table.
import { WharfError } from "../../../common/errors.ts";
import { isErrno } from "../../sys/call.ts";
import { close, dup3, exists, pipe, readAll } from "../../sys/fs.ts";
import { stdout } from "../../sys/out.ts";
import { clone, environment, exec, exit, wait } from "../../sys/process.ts";
import { readProc } from "../../sys/procfs.ts";
import type { Command } from "../command.ts";
import { pids } from "../control.ts";
import { usage } from "../flags.ts";
import { table } from "../table.ts";

/** The host's program of that name. */
function findProgram(name: string): string | undefined {
  const path = environment().get("PATH") || "/usr/bin:/bin";
  return path
    .split(":")
    .map((folder) => `${folder}/${name}`)
    .find(exists);
}

/** What a program writes. */
function outputOf(program: string, args: readonly string[]): string {
  const [reader, writer] = pipe();
  const { pid, pidfd } = clone(0);
  if (pid === 0) {
    dup3(writer, 1);
    exec(program, [program, ...args], native.environ());
    exit(127);
  }
  close(writer);
  close(pidfd);
  const text = native.utf8(readAll(reader));
  close(reader);
  const { status } = wait(pid)!;
  if (status === 0) return text;
  throw new WharfError("InvalidArgument", `${program} ${args.join(" ")} ended with ${status}`, {
    hint: "options after the id are those of the host's ps",
  });
}

/** The lines of ps that are about these processes, below its title. */
function linesAbout(text: string, all: readonly number[]): string {
  const [title = "", ...lines] = text.split("\n");
  const column = title.trim().split(/\s+/).indexOf("PID");
  if (column < 0) {
    throw new WharfError("InvalidArgument", "the output of ps has no column PID", {
      hint: "give options that show it",
    });
  }
  const wanted = new Set(all.map(String));
  const kept = lines.filter((line) => wanted.has(line.trim().split(/\s+/)[column] ?? ""));
  return [title, ...kept].map((line) => `${line}\n`).join("");
}

/** Without a ps on this host. */
function shortTable(all: readonly number[]): string {
  const rows = all.flatMap((pid) => {
    try {
      const command = readProc(`${pid}/cmdline`).replace(/\0$/, "").replaceAll("\0", " ");
      const uid = /^Uid:\s+(\d+)/m.exec(readProc(`${pid}/status`))?.[1] ?? "?";
      return [[uid, String(pid), command]];
    } catch (error) {
      if (isErrno(error, "ENOENT", "ESRCH")) return []; // ended meanwhile
      throw error;
    }
  });
  return table([["UID", "PID", "CMD"], ...rows]);
}

export const psCommand: Command = {
  usage: "ps [--format table|json] ID [OPTION…]",
  summary: "list the processes of a container, with options of the host's ps",
  flags: { "format|f": "string" },
  stopAtArgument: true,
  run({ root }, parsed) {
    const [id, ...options] = parsed.args;
    if (id === undefined) throw usage("missing argument: ID");
    const format = parsed.string("format") ?? "table";
    if (format !== "table" && format !== "json") {
      throw new WharfError("InvalidArgument", `invalid format ${JSON.stringify(format)}`, { hint: "table or json" });
    }
    const all = pids(root, id);
    if (format === "json") {
      stdout(`${JSON.stringify(all)}\n`);
      return 0;
    }
    const program = findProgram("ps");
    if (program) stdout(linesAbout(outputOf(program, options.length > 0 ? options : ["-ef"]), all));
    else if (options.length === 0) stdout(shortTable(all));
    else throw new WharfError("FailedPrecondition", "options are those of the host's ps, and there is none");
    return 0;
  },
};
