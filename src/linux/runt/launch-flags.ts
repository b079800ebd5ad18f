// What create, run and exec have in common: where the terminal and the streams go.
import { WharfError } from "../../common/errors.ts";
import { join } from "../../common/path.ts";
import { NR } from "../sys/nr.ts";
import type { CreateOptions, LaunchOptions } from "./create.ts";
import type { Parsed } from "./flags.ts";

export const LAUNCH_FLAGS = {
  "console-socket": "string",
  "pid-file": "string",
  "preserve-fds": "string",
  "pidfd-socket": "string",
  trace: "bool",
} as const;

export const CREATE_FLAGS = {
  ...LAUNCH_FLAGS,
  "bundle|b": "string",
  "no-pivot": "bool",
  "no-new-keyring": "bool",
} as const;

function count(parsed: Parsed, name: string): number {
  const text = parsed.string(name) ?? "0";
  if (/^\d+$/.test(text)) return Number(text);
  throw new WharfError("InvalidArgument", `--${name}: ${JSON.stringify(text)} is not a number`);
}

/** Socket activation: that many descriptors are passed on beyond those asked for (man 3 sd_listen_fds). */
function listenFds(): number {
  return Number(native.variable("LISTEN_FDS") ?? 0) || 0;
}

type Common = Pick<LaunchOptions, "console" | "pidFile" | "preserveFds" | "pidfdSocket" | "listenFds">;

export function launchOptions(parsed: Parsed): Common {
  const socket = parsed.string("console-socket");
  const pidFile = parsed.string("pid-file");
  return {
    preserveFds: count(parsed, "preserve-fds"),
    listenFds: listenFds(),
    pidfdSocket: parsed.string("pidfd-socket"),
    console: socket === undefined ? undefined : { socket },
    pidFile: pidFile === undefined ? undefined : absolute(pidFile),
  };
}

export function createOptions(parsed: Parsed): Common & Pick<CreateOptions, "bundle" | "noPivot" | "noNewKeyring"> {
  return {
    ...launchOptions(parsed),
    bundle: absolute(parsed.string("bundle") ?? "."),
    noPivot: parsed.bool("no-pivot"),
    noNewKeyring: parsed.bool("no-new-keyring"),
  };
}

/** A path as it is from "/". */
export function absolute(path: string): string {
  if (path.startsWith("/")) return path;
  const buffer = new Uint8Array(4096);
  const length = native.syscall(NR.getcwd, buffer, buffer.length);
  return join(native.utf8(buffer, 0, Math.max(0, length - 1)), path);
}
