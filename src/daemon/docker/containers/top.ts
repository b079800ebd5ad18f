/** GET /containers/{id}/top: the host's `ps` for the container's processes. */

import { execFile } from "node:child_process";
import { WharfError } from "../../../common/errors.ts";
import type { Engine } from "../engine.ts";
import type { Container } from "./container.ts";

export interface TopAnswer {
  Titles: string[];
  Processes: string[][];
}

/** Bytes of ps's output on a host with very many processes. */
const MOST = 64 << 20;

/** FailedPrecondition when it does not run, InvalidArgument for arguments that ps refuses or that do not show the pid. */
export async function topContainer(engine: Engine, container: Container, args: string): Promise<TopAnswer> {
  const stopped = (why: string) =>
    new WharfError("FailedPrecondition", `container ${container.id} ${why}`, { operation: "list processes" });
  if (!container.running) throw stopped("is not running");
  if (container.restarting) throw stopped("is restarting, wait until it is running");
  const words = args.split(/\s+/).filter(Boolean);
  checkArguments(words);
  const pids = new Set((await engine.client.tasks.listPids(container.id)).map(({ pid }) => pid));
  const answer = selectProcesses(await table(words, pids), pids);
  engine.emit(container, "top");
  return answer;
}

/** `-o` could give another column the title PID, and show what is not the container's. */
function checkArguments(words: readonly string[]): void {
  const titled = words.some((word) => /[^\s]*=PID\b/.test(word));
  if (titled) throw invalid("specifying 'PID=' as the title of another column is not allowed");
}

/**
 * ps's table with at least these processes, where `words` allow it. Asked for by their numbers: many a list is of the terminal's processes otherwise,
 * where the daemon has one.
 */
export async function table(words: readonly string[], pids: ReadonlySet<number>): Promise<string> {
  if (pids.size === 0) return await ps(words);
  // Not every option goes together with -q: those that do not select by themselves.
  return await ps([...words, `-q${[...pids].join(",")}`]).catch(() => ps(words));
}

function ps(words: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const env = { PATH: process.env.PATH ?? "/usr/bin:/bin", LC_ALL: "C", COLUMNS: "100000" };
    execFile("ps", words, { maxBuffer: MOST, env, timeout: 10_000 }, (error, stdout, stderr) => {
      if (!error) return resolve(stdout);
      if (error.code === "ENOENT") {
        return reject(
          new WharfError("Unavailable", "the host has no ps", {
            operation: "list processes",
            hint: "install procps",
          }),
        );
      }
      reject(invalid(`ps: ${stderr.trim().split("\n")[0] || error.message}`));
    });
  });
}

/** The rows of ps's table whose PID is one of `pids`. Its last column is all that remains of a line. */
export function selectProcesses(output: string, pids: ReadonlySet<number>): TopAnswer {
  const [head = "", ...lines] = output.split("\n");
  const titles = head.trim().split(/\s+/);
  const at = titles.indexOf("PID");
  if (at < 0) throw invalid("Couldn't find PID field in ps output");
  const rows: string[][] = [];
  let kept = false;
  for (const line of lines) {
    const words = line.trim().split(/\s+/);
    if (words.length < titles.length && line.trim() === "") continue;
    // With `-m` and the like a thread has "-" for its pid, and belongs to the process before it.
    kept = words[at] === "-" ? kept : pids.has(Number(words[at]));
    if (kept) rows.push([...words.slice(0, titles.length - 1), words.slice(titles.length - 1).join(" ")]);
  }
  return { Titles: titles, Processes: rows };
}

function invalid(why: string): WharfError {
  return new WharfError("InvalidArgument", why, { operation: "list processes" });
}
