// What a restore needs of the root file system: the places that mounts go onto, and a root that is a mount of its own.

import { WharfError } from "../../../common/errors.ts";
import type { Mount, Spec } from "../../../common/oci/runtime.ts";
import { dirname } from "../../../common/path.ts";
import { sys } from "../../sys/call.ts";
import { close, Fd, O, open, S_IFDIR, S_IFMT, stat } from "../../sys/fs.ts";
import { fdPath, MS, mount } from "../../sys/mount.ts";
import { NR } from "../../sys/nr.ts";
import { openOrMake } from "../../sys/openat2.ts";
import { CLONE, exit, fork, wait } from "../../sys/process.ts";
import { openProcLink } from "../../sys/procfs.ts";
import { isBind } from "../mounts.ts";
import { trimmed } from "../root.ts";

/**
 * A mount namespace of this process's own, with a root that is a mount, as criu wants it: whatever happens, nothing of it stays on the
 * host. criu opens our descriptors and mounts on what is below them, so they have to be opened in here.
 */
export class OwnMounts implements Disposable {
  readonly #host = new Fd(openProcLink("self/ns/mnt"));
  readonly #own: Fd;
  /** Entering mounts leads to their root. */
  readonly #folder = new Fd(open(".", O.PATH | O.DIRECTORY));

  constructor(rootfs: string) {
    enterOwnMounts();
    mount(rootfs, rootfs, null, MS.BIND | MS.REC);
    this.#own = new Fd(openProcLink("self/ns/mnt"));
  }

  #leave(): void {
    sys("enter the host's mounts", undefined, NR.setns, this.#host.value, CLONE.NEWNS);
    native.syscall(NR.fchdir, this.#folder.value);
  }

  /** Does something where the host's mounts are made. */
  outside(work: () => void): void {
    this.#leave();
    try {
      work();
    } finally {
      sys("enter our own mounts", undefined, NR.setns, this.#own.value, CLONE.NEWNS);
      native.syscall(NR.fchdir, this.#folder.value);
    }
  }

  [Symbol.dispose](): void {
    this.#leave();
    this.#folder[Symbol.dispose]();
    this.#own[Symbol.dispose]();
    this.#host[Symbol.dispose]();
  }
}

function enterOwnMounts(): void {
  sys("make a mount namespace", undefined, NR.unshare, CLONE.NEWNS);
  mount(null, "/", null, MS.SLAVE | MS.REC);
}

/** criu brings back the whole content of a tmpfs. */
function onTmpfs(path: string, mounts: readonly Mount[]): boolean {
  return mounts.some(({ type, destination }) => type === "tmpfs" && path.startsWith(`${trimmed(destination)}/`));
}

function makePlaces(rootfs: string, bundle: string, mounts: readonly Mount[]): void {
  using root = new Fd(open(rootfs, O.PATH | O.DIRECTORY));
  for (const entry of mounts) {
    const { type = "", destination, source = "" } = entry;
    // on v1 on a tmpfs, on v2 below /sys
    if (type.startsWith("cgroup") || onTmpfs(trimmed(destination), mounts)) continue;
    const bound = isBind(entry);
    const from = source.startsWith("/") ? source : `${bundle}/${source}`;
    const file = bound && (stat(from).mode & S_IFMT) !== S_IFDIR;
    const place = openOrMake(root.value, destination, file ? "file" : "folder", file ? 0o644 : 0o755);
    // what lies below needs its places in there
    if (bound) mount(from, fdPath(place), null, MS.BIND | MS.REC);
    close(place);
  }
}

/** Makes the missing places of mounts, as a creation does, in a process that sees its own bind mounts on the way. */
export function preparePlaces(rootfs: string, bundle: string, { mounts = [] }: Spec): void {
  const pid = fork();
  if (pid === 0) {
    let code = 0;
    try {
      enterOwnMounts();
      makePlaces(rootfs, bundle, mounts);
    } catch (error) {
      const text = native.bytes(`runt: ${error instanceof Error ? error.message : String(error)}\n`);
      native.syscall(NR.write, 2, text, text.length);
      code = 1;
    }
    exit(code);
  }
  if (wait(pid)?.status === 0) return;
  throw new WharfError("Unknown", `mounts: the places for them cannot be made below ${dirname(rootfs)}`, {
    subject: rootfs,
  });
}
