/** All that is served on containerd.sock. */

import type { ContainerdCore } from "../containerd/api.ts";
import { rooted } from "../containerd/snapshots/rooted.ts";
import { nextTurn } from "../turn.ts";
import { Router } from "./router.ts";
import { addContainers } from "./services/containers.ts";
import { addContent } from "./services/content.ts";
import { addDiff } from "./services/diff.ts";
import { addEvents } from "./services/events.ts";
import { addImages } from "./services/images.ts";
import { addIntrospection } from "./services/introspection.ts";
import { addLeases } from "./services/leases.ts";
import { addNamespaces } from "./services/namespaces.ts";
import { addSandboxes } from "./services/sandboxes.ts";
import { addSnapshots } from "./services/snapshots.ts";
import { addTasks } from "./services/tasks.ts";
import { addTransfer } from "./services/transfer.ts";
import { addVersion } from "./services/version.ts";

/** Our overlayfs snapshotter for another containerd ([proxy_plugins]), by whatever name it has there. */
export function snapshotterRouter(core: ContainerdCore): Router {
  const router = new Router();
  addSnapshots(router, core, (client) => rooted(client.snapshots()));
  return router;
}

const ALL: readonly ((router: Router, core: ContainerdCore) => void)[] = [
  addContainers,
  addContent,
  addDiff,
  addEvents,
  addImages,
  addIntrospection,
  addLeases,
  addNamespaces,
  addSnapshots,
  addTasks,
  addSandboxes,
  addTransfer,
  addVersion,
];

export async function containerdRouter(core: ContainerdCore): Promise<Router> {
  const router = new Router();
  for (const add of ALL) {
    add(router, core);
    await nextTurn();
  }
  return router;
}
