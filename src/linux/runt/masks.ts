// linux.maskedPaths and linux.readonlyPaths: a masked file shows the null device, a masked folder an empty one. What the
// container does not have is passed over.
import { WharfError } from "../../common/errors.ts";
import { close, fileSystemOf, fstat, O, S_IFDIR, S_IFMT } from "../sys/fs.ts";
import { attach, cloneTree, fdPath, MOUNT_ATTR, MS, mount, setAttributes } from "../sys/mount.ts";
import { openInRoot, openInRootIfThere, RESOLVE } from "../sys/openat2.ts";
import { PROC_SUPER_MAGIC } from "../sys/procfs.ts";
import { openVerifiedNull } from "./mounts.ts";
import type { Step } from "./plan.ts";
import { type RootContext, trimmed } from "./root.ts";

const EMPTY = "nr_blocks=1,nr_inodes=1,mode=555";

const SYSFS_MAGIC = 0x62656572;
/** The kernel's own file systems, by where they lie and by their magic numbers (statfs(2)). */
const KERNEL_TREES: readonly [path: string, type: string, magic: number][] = [
  ["/proc", "proc", PROC_SUPER_MAGIC],
  ["/sys", "sysfs", SYSFS_MAGIC],
];

/** Where paths are looked up. */
interface Base {
  fd: number;
  path: string;
}

/**
 * What the image calls /proc may be another folder a moment later. The container must not find a procfs under another name without
 * what lies on it: so it is looked for once, and everything that belongs onto it goes there, whatever it is called.
 */
class Trees {
  readonly #context: RootContext;
  readonly #open = new Map<string, number>();
  constructor(context: RootContext) {
    this.#context = context;
  }

  baseOf(path: string): Base {
    const { root, spec } = this.#context;
    for (const [at, type, magic] of KERNEL_TREES) {
      if (!path.startsWith(`${at}/`)) continue;
      if (spec.mounts?.findLast(({ destination }) => trimmed(destination) === at)?.type !== type) continue;
      let fd = this.#open.get(at);
      if (fd === undefined) {
        fd = openKernelTree(root, at, magic);
        this.#open.set(at, fd);
      }
      return { fd, path: path.slice(at.length + 1) };
    }
    return { fd: root, path };
  }
}

function openKernelTree(root: number, path: string, magic: number): number {
  const fd = openInRoot(root, path, O.PATH | O.DIRECTORY, RESOLVE.NO_SYMLINKS);
  if (fileSystemOf(fd) === magic) return fd;
  close(fd);
  throw new WharfError("FailedPrecondition", `${JSON.stringify(path)} is no longer what was mounted there`, {
    subject: path,
    hint: "somebody changes the container's root file system while the container is made",
  });
}

interface Masks {
  nothing: number;
  /** The first masked folder's mount: the others show the same one. */
  empty: number;
}

function mask(base: Base, masks: Masks): void {
  const target = openInRootIfThere(base.fd, base.path);
  if (target === undefined) return;
  if ((fstat(target).mode & S_IFMT) !== S_IFDIR) {
    if (masks.nothing < 0) masks.nothing = openVerifiedNull();
    mount(fdPath(masks.nothing), fdPath(target), null, MS.BIND);
  } else if (masks.empty < 0) {
    mount("tmpfs", fdPath(target), "tmpfs", MS.RDONLY, EMPTY);
    masks.empty = openInRoot(base.fd, base.path, O.PATH | O.DIRECTORY);
  } else mount(fdPath(masks.empty), fdPath(target), null, MS.BIND);
  close(target);
}

function protect(base: Base): void {
  const target = openInRootIfThere(base.fd, base.path);
  if (target === undefined) return;
  const tree = cloneTree("", true, target);
  setAttributes(tree, { set: MOUNT_ATTR.RDONLY }, false);
  attach(tree, target);
  close(tree);
  close(target);
}

export function maskSteps(context: RootContext): Step[] {
  const { maskedPaths, readonlyPaths } = context.spec.linux ?? {};
  const masks: Masks = { nothing: -1, empty: -1 };
  const trees = new Trees(context);
  const steps: Step[] = [];
  if (readonlyPaths?.length) {
    steps.push({
      field: "linux.readonlyPaths",
      name: "make paths read-only",
      run() {
        for (const path of new Set(readonlyPaths)) protect(trees.baseOf(path));
      },
      parts: () =>
        readonlyPaths.map((path, i) => [`linux.readonlyPaths[${i}]`, `make ${JSON.stringify(path)} read-only`]),
    });
  }
  if (maskedPaths?.length) {
    steps.push({
      field: "linux.maskedPaths",
      name: "mask paths",
      run() {
        for (const path of new Set(maskedPaths)) mask(trees.baseOf(path), masks);
      },
      parts: () => maskedPaths.map((path, i) => [`linux.maskedPaths[${i}]`, `mask ${JSON.stringify(path)}`]),
    });
  }
  return steps;
}
