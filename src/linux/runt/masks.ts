// linux.maskedPaths and linux.readonlyPaths: a masked file shows the null device, a masked folder an empty one. What the
// container does not have is passed over.
import { close, fstat, O, S_IFDIR, S_IFMT } from "../sys/fs.ts";
import { attach, cloneTree, fdPath, MOUNT_ATTR, MS, mount, setAttributes } from "../sys/mount.ts";
import { openInRoot, openInRootIfThere } from "../sys/openat2.ts";
import { openVerifiedNull } from "./mounts.ts";
import type { Step } from "./plan.ts";
import type { RootContext } from "./root.ts";

const EMPTY = "nr_blocks=1,nr_inodes=1,mode=555";

interface Masks {
  nothing: number;
  /** The first masked folder's mount: the others show the same one. */
  empty: number;
}

function mask(context: RootContext, path: string, masks: Masks): void {
  const target = openInRootIfThere(context.root, path);
  if (target === undefined) return;
  if ((fstat(target).mode & S_IFMT) !== S_IFDIR) {
    if (masks.nothing < 0) masks.nothing = openVerifiedNull();
    mount(fdPath(masks.nothing), fdPath(target), null, MS.BIND);
  } else if (masks.empty < 0) {
    mount("tmpfs", fdPath(target), "tmpfs", MS.RDONLY, EMPTY);
    masks.empty = openInRoot(context.root, path, O.PATH | O.DIRECTORY);
  } else mount(fdPath(masks.empty), fdPath(target), null, MS.BIND);
  close(target);
}

function protect(context: RootContext, path: string): void {
  const target = openInRootIfThere(context.root, path);
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
  const steps: Step[] = [];
  if (readonlyPaths?.length) {
    steps.push({
      field: "linux.readonlyPaths",
      name: "make paths read-only",
      run() {
        for (const path of new Set(readonlyPaths)) protect(context, path);
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
        for (const path of new Set(maskedPaths)) mask(context, path, masks);
      },
      parts: () => maskedPaths.map((path, i) => [`linux.maskedPaths[${i}]`, `mask ${JSON.stringify(path)}`]),
    });
  }
  return steps;
}
