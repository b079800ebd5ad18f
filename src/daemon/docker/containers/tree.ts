/**
 * A container's files as its processes see them, mounts included: for `docker cp`. Of a running container it is the process's own
 * root; otherwise its snapshot, with the mounts shown at their places.
 */

import type { Tree, TreeBind } from "../../../common/agent/protocol.ts";
import { WharfError } from "../../../common/errors.ts";
import { normalize } from "../../../common/path.ts";
import { readOnlyView } from "../../agent/user-files.ts";
import type { Engine } from "../engine.ts";
import type { Container } from "./container.ts";

/** What can be shown of the mounts of a container that does not run: a tmpfs is gone with it. */
function bindsOf({ record }: Container): TreeBind[] {
  return record.mounts
    .filter(({ Type }) => Type === "bind" || Type === "volume")
    .map(({ Source, Destination, RW }) => {
      const subpath = record.subpaths?.[Destination];
      return { source: Source, target: Destination, readOnly: !RW, ...(subpath === undefined ? {} : { subpath }) };
    })
    .sort((a, b) => a.target.split("/").length - b.target.split("/").length);
}

/** What holds the kernel's files, endless ones among them: of these the snapshot's view is given, as dockerd does. */
const WITH_KERNEL = /^\/(proc|sys)?($|\/)/;

/** Runs `work` on the tree for reading `path`; the container may start or end meanwhile. */
export async function withReadableTree<T>(
  engine: Engine,
  container: Container,
  path: string,
  work: (tree: Tree) => Promise<T>,
): Promise<T> {
  const { pid } = container.record.state;
  const kernel = WITH_KERNEL.test(normalize(`/${path}`));
  if (container.running && pid > 0 && !kernel) return await work({ root: `/proc/${pid}/root` });
  const mounts = readOnlyView(await engine.client.snapshots().mounts(container.id));
  return await work({ mounts, binds: bindsOf(container) });
}

/** Runs `work` on the tree for writing. A container that does not run stays so meanwhile: its snapshot is mounted elsewhere. */
export async function withWritableTree<T>(
  engine: Engine,
  container: Container,
  work: (tree: Tree) => Promise<T>,
): Promise<T> {
  const { record } = container;
  if (record.hostConfig.ReadonlyRootfs && record.mounts.every(({ RW }) => !RW)) {
    throw new WharfError("FailedPrecondition", "container rootfs is marked read-only", {
      operation: "copy to container",
    });
  }
  const live = () => container.running && record.state.pid > 0;
  if (live()) return await work({ root: `/proc/${container.record.state.pid}/root` });
  return await container.exclusive(async () => {
    if (live()) return await work({ root: `/proc/${container.record.state.pid}/root` });
    if (container.removing) {
      throw new WharfError("FailedPrecondition", `container ${container.id} is being removed`);
    }
    const mounts = await engine.client.snapshots().mounts(container.id);
    return await work({ mounts, binds: bindsOf(container) });
  });
}
