/**
 * Task I/O of the Docker layer, as the daemon asks for it and the shim carries it out (docs/architecture.md, "Task I/O"): the
 * logging URI, and the first line a client of the attach socket sends.
 */

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
  /** Files that are not written any more are packed with gzip: `<path>.1.gz` and so on. */
  compress?: boolean | undefined;
  /** JSON of an object that stands as `attrs` in each line. */
  attrs?: string | undefined;
  /** The unix socket that the shim listens on for clients; made before the task's create or exec is answered. */
  attach?: string | undefined;
  /**
   * `none`: /dev/null. `open`: a pipe (or the terminal) that stays open when a client goes. `once`: closed when the first
   * client with stdin has sent its end or gone.
   */
  stdin: "none" | "open" | "once";
}

/** The first line on the attach socket, JSON. After `start` nothing is lost to a client that has sent it before. */
export interface AttachHello {
  stdin: boolean;
  stdout: boolean;
  stderr: boolean;
  /** Output in Docker's multiplexed form; by default it has frames unless the process has a terminal. */
  frames?: boolean | undefined;
  /** The process waits for this client when it is slow; otherwise a client that is far behind is given up. */
  wait: boolean;
}

const SCHEME = "binary://";
/** The program that the URI names; our shim does its work itself, another shim would start it. */
const LOGGER = "/usr/libexec/wharf/wharf-logger";

export function formatTaskIO(io: TaskIO, logger: string = LOGGER): string {
  const pairs: [string, string | number | boolean | undefined][] = [
    ["driver", io.driver],
    ["path", io.path],
    ["max-size", io.maxSize],
    ["max-file", io.maxFile],
    ["compress", io.compress],
    ["attrs", io.attrs],
    ["attach", io.attach],
    ["stdin", io.stdin],
  ];
  const query = pairs
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}=${encodeURIComponent(value as string | number | boolean)}`)
    .join("&");
  return `${SCHEME}${logger}?${query}`;
}
