// linux.seccomp of a container: its program as a descriptor, and its listener on the way to who asked for it.
import { WharfError } from "../../common/errors.ts";
import type { LinuxSeccomp } from "../../common/oci/runtime.ts";
import { filterFile } from "../seccomp/cache.ts";
import { flagBits } from "../seccomp/load.ts";
import { close, Fd, readAll } from "../sys/fs.ts";
import { connectUnix, sendFds } from "../sys/socket.ts";
import type { StateOfContainer } from "./hooks.ts";
import type { KnownFilter } from "./known-filter.ts";

/** What the record keeps for processes that come later. */
export interface SeccompRecord {
  /** Name of the compiled program in the cache. */
  program: string;
  flags: readonly string[];
  listenerPath?: string | undefined;
  listenerMetadata?: string | undefined;
}

export function seccompCache(root: string): string {
  return `${root}/.seccomp`;
}

/** True when a rule wants to be decided by somebody outside. */
export function notifies(seccomp: LinuxSeccomp): boolean {
  return (seccomp.syscalls ?? []).some(({ action }) => action === "SCMP_ACT_NOTIFY");
}

/** Where the configuration does not speak of flags, the filter costs nobody the speed of speculation; as runc has it. */
export function flagsOf({ flags }: LinuxSeccomp): readonly string[] {
  return flags ?? ["SECCOMP_FILTER_FLAG_SPEC_ALLOW"];
}

/** The compiled program, open, and what is to be noted of it. */
export function prepareSeccomp(
  root: string,
  seccomp: LinuxSeccomp,
  known: KnownFilter | undefined,
): { file: number; record: SeccompRecord } {
  if (known?.file !== undefined) return { file: known.file, record: { program: known.name, flags: flagsOf(seccomp) } };
  const { listenerPath, listenerMetadata } = seccomp;
  const flags = flagsOf(seccomp);
  flagBits(flags);
  const listens = notifies(seccomp);
  if (listens && !listenerPath) {
    throw new WharfError("InvalidArgument", "config.json: linux.seccomp.listenerPath: SCMP_ACT_NOTIFY needs one");
  }
  const { file, name } = filterFile(seccomp, seccompCache(root), known?.name);
  return { file, record: { program: name, flags, ...(listens ? { listenerPath, listenerMetadata } : {}) } };
}

/** The program's text; the file is closed, for a process in a container, which may wait long for its start, is to hold nothing of the host's. */
export function readProgram(file: number): Uint8Array {
  const program = readAll(file, 16384);
  close(file);
  return program;
}

function connectToListener(path: string): Fd {
  try {
    return new Fd(connectUnix(path));
  } catch (cause) {
    throw new WharfError(
      "Unavailable",
      `linux.seccomp.listenerPath: failed to connect with seccomp agent at ${JSON.stringify(path)}`,
      {
        cause,
        subject: path,
      },
    );
  }
}

/** config-linux.md#the-container-process-state */
export function sendListener(record: SeccompRecord, listener: number, state: StateOfContainer): void {
  using socket = connectToListener(record.listenerPath!);
  const message = {
    ociVersion: state.ociVersion,
    fds: ["seccompFd"],
    pid: state.pid ?? 0,
    metadata: record.listenerMetadata,
    state,
  };
  sendFds(socket.value, native.bytes(JSON.stringify(message)), [listener]);
}
