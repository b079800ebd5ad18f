// Getting at a tree: a plain directory, or mounts that only this worker sees and that go with it.
import type { AgentMount, Tree, TreeBind } from "../../common/agent/protocol.ts";
import { WharfError } from "../../common/errors.ts";
import { mountAll } from "../shim/rootfs.ts";
import { isErrno, sys } from "../sys/call.ts";
import { Fd, O, open } from "../sys/fs.ts";
import { NR } from "../sys/nr.ts";
import { CLONE } from "../sys/process.ts";

const MS_RDONLY = 1;
const MS_REMOUNT = 0x20;
const MS_BIND = 0x1000;
const MS_REC = 0x4000;
const MS_SLAVE = 0x80000;
const MS_PRIVATE = 0x40000;
const RESOLVE_NO_MAGICLINKS = 2;
const RESOLVE_IN_ROOT = 0x10;

/** Below which workers mount; each sees only its own. */
let place = "";
let apart = false;

/** Sets the directory that workers mount in; it exists. */
export function mountIn(directory: string): void {
  place = directory;
}

/** Mounts a list where only this process and its children see it, and opens it. */
export function openMounts(mounts: readonly AgentMount[], name: string): Fd {
  if (mounts.length === 0) throw new WharfError("InvalidArgument", "a tree without mounts");
  if (!apart) {
    sys("unshare", "mount namespace", NR.unshare, CLONE.NEWNS);
    // what we mount stays here; what the host unmounts goes here as well
    sys("mount", "/", NR.mount, "", "/", "", MS_REC | MS_SLAVE, 0);
    sys("mount", place, NR.mount, "wharf-agent", place, "tmpfs", 0, "size=64k");
    sys("mount", place, NR.mount, "", place, "", MS_PRIVATE, 0);
    apart = true;
  }
  const target = `${place}/${name}`;
  sys("mkdir", target, NR.mkdirat, -100, target, 0o700);
  mountAll(
    mounts.map(({ type, source, target: below, options }) => ({
      type,
      source,
      target: below ?? "",
      options: [...options],
    })),
    target,
  );
  return new Fd(open(target, O.RDONLY | O.DIRECTORY));
}

export function openTree(tree: Tree): Fd {
  if ("root" in tree) return new Fd(open(tree.root, O.RDONLY | O.DIRECTORY));
  const root = openMounts(tree.mounts, "tree");
  try {
    for (const bind of tree.binds ?? []) showIn(root.value, bind);
    return root;
  } catch (error) {
    root[Symbol.dispose]();
    throw error;
  }
}

/** The target is found by the kernel inside the tree and mounted on by descriptor: no link of the tree's makes it another place. */
function showIn(root: number, { source, subpath, target, readOnly }: TreeBind): void {
  using at = findInTree(root, target);
  if (!at) return;
  const here = `/proc/self/fd/${at.value}`;
  if (subpath === undefined) sys("bind", `${source} on ${target}`, NR.mount, source, here, "", MS_BIND | MS_REC, 0);
  else {
    using base = new Fd(open(source, O.PATH | O.DIRECTORY));
    using found = findInTree(base.value, subpath);
    if (!found) return;
    const from = `/proc/self/fd/${found.value}`;
    sys("bind", `${subpath} on ${target}`, NR.mount, from, here, "", MS_BIND | MS_REC, 0);
  }
  if (!readOnly) return;
  using shown = openInTree(root, target, O.PATH);
  const there = `/proc/self/fd/${shown.value}`;
  sys("remount", target, NR.mount, "", there, "", MS_BIND | MS_REMOUNT | MS_RDONLY, 0);
}

function findInTree(root: number, path: string): Fd | undefined {
  try {
    return openInTree(root, path, O.PATH);
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) return undefined;
    throw error;
  }
}

/** Opens `path` as a process in the tree would: links are followed inside it, none leads out. */
export function openInTree(root: number, path: string, flags: number): Fd {
  const how = new BigUint64Array([BigInt(flags | O.CLOEXEC), 0n, BigInt(RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)]);
  return new Fd(sys("open", path, NR.openat2, root, path === "" ? "." : path, how, 24));
}
