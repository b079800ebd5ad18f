/**
 * Task I/O of the Docker layer, as the daemon asks for it and the shim carries it out (docs/architecture.md, "Task I/O"): the
 * logging URI, and the first line a client of the attach socket sends.
 */

import { WharfError } from "../errors.ts";

/** What becomes of a process's output and where its input comes from. */
export interface TaskIO {
  /** `json-file` writes the log, `none` none. */
  driver: "json-file" | "none";
  /** The log file; with `json-file`. */
  path?: string | undefined;
  /** Bytes at which the log is rotated: `<path>` becomes `<path>.1` and so on. Absent: never. */
  maxSize?: number | undefined;
  /** Log files kept, the current one included; 1 by default: it is truncated then. */
  maxFile?: number | undefined;
  /** The unix socket that the shim listens on for clients; made before the task's create or exec is answered. */
  attach?: string | undefined;
  /**
   * `none`: /dev/null. `keep`: a pipe (or the terminal) that stays open when a client goes. `once`: closed when the first
   * client with stdin has sent its end or gone.
   */
  stdin: "none" | "keep" | "once";
}

/** The first line on the attach socket, JSON. After `start` nothing is lost to a client that has sent it before. */
export interface AttachHello {
  stdin: boolean;
  stdout: boolean;
  stderr: boolean;
  /** What the log holds comes first, without gap or repetition before the live output. */
  logs: boolean;
}

const SCHEME = "binary://";
/** The program that the URI names; our shim does its work itself, another shim would start it. */
const LOGGER = "/usr/libexec/wharf/wharf-logger";

export function formatTaskIO(io: TaskIO, logger: string = LOGGER): string {
  const pairs: [string, string | number | undefined][] = [
    ["driver", io.driver],
    ["path", io.path],
    ["max-size", io.maxSize],
    ["max-file", io.maxFile],
    ["attach", io.attach],
    ["stdin", io.stdin],
  ];
  const query = pairs
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}=${encodeURIComponent(value as string | number)}`)
    .join("&");
  return `${SCHEME}${logger}?${query}`;
}

/** Reads such a URI; undefined when it names another logger. InvalidArgument for one of ours that is malformed. */
export function parseTaskIO(uri: string): TaskIO | undefined {
  if (!uri.startsWith(SCHEME)) return undefined;
  const question = uri.indexOf("?");
  const program = question < 0 ? uri : uri.slice(0, question);
  if (!program.endsWith("/wharf-logger")) return undefined;
  const given = new Map<string, string>();
  for (const pair of question < 0 ? [] : uri.slice(question + 1).split("&")) {
    const equals = pair.indexOf("=");
    if (equals > 0) given.set(pair.slice(0, equals), decodeURIComponent(pair.slice(equals + 1)));
  }
  const bad = (key: string) =>
    new WharfError("InvalidArgument", `the logging URI's ${key} is ${JSON.stringify(given.get(key) ?? null)}`, {
      operation: "read logging URI",
      subject: uri,
    });
  const count = (key: string): number | undefined => {
    const text = given.get(key);
    if (text === undefined) return undefined;
    if (!/^\d{1,15}$/.test(text) || Number(text) === 0) throw bad(key);
    return Number(text);
  };
  const driver = given.get("driver");
  if (driver !== "json-file" && driver !== "none") throw bad("driver");
  const stdin = given.get("stdin") ?? "none";
  if (stdin !== "none" && stdin !== "keep" && stdin !== "once") throw bad("stdin");
  if (driver === "json-file" && !given.get("path")?.startsWith("/")) throw bad("path");
  return {
    driver,
    path: given.get("path"),
    maxSize: count("max-size"),
    maxFile: count("max-file"),
    attach: given.get("attach"),
    stdin,
  };
}
