// Where a process's output goes, as the daemon names it: a FIFO's or file's path, `fifo:`, `file:` or `binary:` with a path and a query.
import { WharfError } from "../../../common/errors.ts";
import { basename } from "../../../common/path.ts";

export interface OutputUri {
  scheme: "fifo" | "file" | "binary";
  path: string;
  /** In the order of the text. */
  query: [name: string, value: string][];
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    throw new WharfError("InvalidArgument", `${JSON.stringify(text)} is not percent-encoded text`);
  }
}

export function parseOutput(text: string): OutputUri {
  const match = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/[^/?#]*([^?#]*)(?:\?([^#]*))?/.exec(text);
  if (!match) return { scheme: "fifo", path: text, query: [] };
  const [, scheme, path, query] = match;
  if (scheme !== "fifo" && scheme !== "file" && scheme !== "binary") {
    throw new WharfError(
      "InvalidArgument",
      `unknown output scheme ${JSON.stringify(scheme)} in ${JSON.stringify(text)}`,
    );
  }
  const pairs = (query ?? "").split("&").filter((pair) => pair !== "");
  return {
    scheme,
    // containerd's shim looks at the path alone
    path: decode(path!.replaceAll("+", "%2B")),
    query: pairs.map((pair) => {
      const equals = pair.indexOf("=");
      return equals < 0 ? [decode(pair), ""] : [decode(pair.slice(0, equals)), decode(pair.slice(equals + 1))];
    }),
  };
}

/** How our own logger is asked for: `binary:///…/wharf-logger?…`; no such program is run. */
export interface LoggerOptions {
  driver: "json-file" | "cri" | "none";
  /** The log file; needed unless the driver is none. */
  path: string;
  /** Bytes after which the file is rotated; 0: never. */
  maxSize: number;
  maxFiles: number;
  /** Rotated files are packed with gzip. */
  compress: boolean;
  /** JSON of an object for the `attrs` of each line of a json-file log; "" for none. */
  attrs: string;
  /** Socket to listen on for attached clients; "" for none. */
  attach: string;
  /**
   * none: /dev/null. open: kept open when a client's input ends. once: closed when the input of the first client that sends
   * any ends.
   */
  stdin: "none" | "open" | "once";
}

export function isLogger(uri: OutputUri): boolean {
  return uri.scheme === "binary" && basename(uri.path) === "wharf-logger";
}

function number(name: string, text: string): number {
  const match = /^(\d+)([kmg]?)b?$/i.exec(text);
  const unit = match ? { "": 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 }[match[2]!.toLowerCase()] : undefined;
  if (!match || unit === undefined) {
    throw new WharfError("InvalidArgument", `logger option ${name}: ${JSON.stringify(text)} is no size`);
  }
  return Number(match[1]) * unit;
}

function oneOf<T extends string>(name: string, text: string, allowed: readonly T[]): T {
  if (allowed.includes(text as T)) return text as T;
  throw new WharfError("InvalidArgument", `logger option ${name}: ${JSON.stringify(text)} is none of ${allowed}`);
}

function object(name: string, text: string): string {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return text;
  } catch {
    // told below
  }
  throw new WharfError("InvalidArgument", `logger option ${name}: ${JSON.stringify(text)} is no JSON object`);
}

export function loggerOptions(uri: OutputUri): LoggerOptions {
  const options: LoggerOptions = {
    driver: "json-file",
    path: "",
    maxSize: 0,
    maxFiles: 1,
    compress: false,
    attrs: "",
    attach: "",
    stdin: "none",
  };
  for (const [name, value] of uri.query) {
    if (name === "driver") options.driver = oneOf(name, value, ["json-file", "cri", "none"] as const);
    else if (name === "path") options.path = value;
    else if (name === "max-size") options.maxSize = value === "-1" ? 0 : number(name, value);
    else if (name === "max-file") options.maxFiles = Math.max(1, number(name, value));
    else if (name === "compress") options.compress = oneOf(name, value, ["true", "false"]) === "true";
    else if (name === "attrs") options.attrs = object(name, value);
    else if (name === "attach") options.attach = value;
    else if (name === "stdin") {
      const known = { "1": "open", true: "open", "0": "none", false: "none", "": "none" }[value];
      options.stdin = oneOf(name, known ?? value, ["none", "open", "once"] as const);
    } else if (name !== "terminal") throw new WharfError("InvalidArgument", `unknown logger option ${name}`);
  }
  if (options.driver !== "none" && !options.path.startsWith("/")) {
    throw new WharfError("InvalidArgument", `logger option path: ${JSON.stringify(options.path)} is not absolute`);
  }
  return options;
}
