// What create, run and exec have in common: where the terminal and the streams go.
import { NR } from "../sys/nr.ts";
import type { CreateOptions } from "./create.ts";
import type { Parsed } from "./flags.ts";

export const LAUNCH_FLAGS = {
  "console-socket": "string",
  "pid-file": "string",
  "preserve-fds": "string",
} as const;

export const CREATE_FLAGS = {
  ...LAUNCH_FLAGS,
  "bundle|b": "string",
  "no-pivot": "bool",
  "no-new-keyring": "bool",
  "pidfd-socket": "string",
} as const;

/** Socket activation: LISTEN_FDS descriptors are kept too (man 3 sd_listen_fds). */
function preservedFds(parsed: Parsed): number {
  const asked = Number(parsed.string("preserve-fds") ?? 0);
  const listen = native.environ().find((entry) => entry.startsWith("LISTEN_FDS="));
  return asked + (listen ? Number(listen.slice(11)) || 0 : 0);
}

export function launchOptions(parsed: Parsed): Pick<CreateOptions, "console" | "pidFile" | "preserveFds"> {
  const socket = parsed.string("console-socket");
  const pidFile = parsed.string("pid-file");
  return {
    preserveFds: preservedFds(parsed),
    ...(socket === undefined ? {} : { console: { socket: socket } }),
    ...(pidFile === undefined ? {} : { pidFile }),
  };
}

export function createOptions(
  parsed: Parsed,
): Pick<CreateOptions, "bundle" | "noPivot" | "noNewKeyring" | "console" | "pidFile" | "preserveFds"> {
  return {
    ...launchOptions(parsed),
    bundle: bundlePath(parsed.string("bundle") ?? "."),
    noPivot: parsed.bool("no-pivot"),
    noNewKeyring: parsed.bool("no-new-keyring"),
  };
}

function bundlePath(path: string): string {
  if (path.startsWith("/")) return path;
  const buffer = new Uint8Array(4096);
  const length = native.syscall(NR.getcwd, buffer, buffer.length);
  const here = native.utf8(buffer, 0, Math.max(0, length - 1));
  return path === "." ? here : `${here}/${path}`;
}
