// The command line that containerd gives a shim: Go's flags (one dash or two, "=" or a word of its own), then the action.
import { WharfError } from "../../common/errors.ts";

export const SHIM = "containerd-shim-runt-v2";

export interface Flags {
  namespace: string;
  id: string;
  /** The daemon's gRPC address. */
  address: string;
  bundle: string;
  debug: boolean;
  version: boolean;
  info: boolean;
  /** start, delete, or "". */
  action: string;
}

const BOOLEAN = ["debug", "v", "version", "info"];
const TEXT = ["namespace", "id", "address", "bundle", "publish-binary", "socket", "debug-socket"];

export function parseFlags(args: readonly string[]): Flags {
  const texts = new Map<string, string>();
  const set = new Set<string>();
  let at = 0;
  for (; at < args.length; at++) {
    const match = /^--?([a-z][a-z-]*)(?:=(.*))?$/s.exec(args[at]!);
    if (!match) break;
    const [, name = "", value] = match;
    if (BOOLEAN.includes(name)) {
      if (value === undefined || value === "true") set.add(name);
    } else if (TEXT.includes(name)) {
      const text = value ?? args[++at];
      if (text === undefined) throw new WharfError("InvalidArgument", `flag -${name} needs a value`);
      texts.set(name, text);
    } else throw new WharfError("InvalidArgument", `unknown flag ${args[at]}`);
  }
  return {
    namespace: texts.get("namespace") ?? "",
    id: texts.get("id") ?? "",
    address: texts.get("address") ?? "",
    bundle: texts.get("bundle") ?? "",
    debug: set.has("debug"),
    version: set.has("v") || set.has("version"),
    info: set.has("info"),
    action: args[at] ?? "",
  };
}
