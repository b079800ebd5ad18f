// ctr containers: what is written down about containers; their processes are tasks.
import { bool } from "../../../common/cli/flags.ts";
import { isCode, WharfError } from "../../../common/errors.ts";
import { Status } from "../../../common/gen/containerd/types/task.ts";
import { paddedBase64 } from "../../../common/grpc/base64.ts";
import type { AnyLike } from "../../../common/protobuf/any.ts";
import { getContainer, newContainer, readSpec, removeContainer } from "../container.ts";
import { type Ctr, command, group, need, throwAll } from "../ctr.ts";
import { CONTAINER } from "../flags.ts";
import { labelPaths, labelsOf, labelText, shortTime } from "../labels.ts";
import { detachNetwork } from "../network.ts";
import { checkpointContainer, restoreContainer } from "./container-checkpoint.ts";

const create = command({
  name: "create",
  summary: "Create a container",
  usage: "IMAGE|FOLDER CONTAINER [COMMAND] [ARG...]",
  flags: CONTAINER,
  run: async (ctr, input) => {
    await newContainer(ctr, input);
    return 0;
  },
});

const list = command({
  name: "list",
  summary: "List containers",
  usage: "[FILTER...]",
  flags: { quiet: bool("Only the ids", { short: "q" }) },
  run: async (ctr, { flags, args }) => {
    const { containers } = await ctr.containers.list({ filters: args });
    if (flags.quiet) for (const { id } of containers) ctr.line(id);
    else {
      const rows = containers.map(({ id, image, runtime }) => `${id}\t${image || "-"}\t${runtime?.name ?? ""}\t`);
      ctr.table(["CONTAINER\tIMAGE\tRUNTIME\t", ...rows], 4);
    }
    return 0;
  },
});

const info = command({
  name: "info",
  summary: "Show a container's record",
  usage: "CONTAINER",
  flags: { spec: bool("Only its runtime configuration") },
  run: async (ctr, { flags, args }) => {
    const container = await getContainer(ctr, need(args, 0, "a container"));
    const { id, labels, image, runtime, snapshotter, snapshotKey, createdAt, updatedAt, sandbox, extensions } =
      container;
    const spec = readSpec(container);
    const options = runtime?.options && shownAny(runtime.options);
    const shown = {
      ...{ ID: id, Labels: Object.keys(labels).length > 0 ? labels : null, Image: image },
      Runtime: { Name: runtime?.name ?? "", Options: options ?? null },
      ...{ SnapshotKey: snapshotKey, Snapshotter: snapshotter },
      CreatedAt: createdAt && shortTime(createdAt),
      UpdatedAt: updatedAt && shortTime(updatedAt),
      Extensions: Object.fromEntries(Object.entries(extensions).map(([key, value]) => [key, shownAny(value)])),
      ...{ SandboxID: sandbox, Spec: spec },
    };
    ctr.line(JSON.stringify(flags.spec ? spec : shown, undefined, 4));
    return 0;
  },
});

/** As Go's encoder writes it: without a value that is empty. */
function shownAny({ typeUrl, value }: AnyLike) {
  return { type_url: typeUrl, ...(value.length > 0 ? { value: paddedBase64(value) } : {}) };
}

async function removeOne(ctr: Ctr, id: string, keepSnapshot: boolean): Promise<void> {
  const container = await getContainer(ctr, id);
  try {
    const { process } = await ctr.tasks.get({ containerId: id });
    if (process!.status !== Status.STOPPED && process!.status !== Status.CREATED) {
      throw new WharfError("FailedPrecondition", `container ${JSON.stringify(id)} has a task that runs`, {
        hint: `end it first: ctr tasks kill ${id}`,
      });
    }
    await ctr.tasks.delete({ containerId: id });
    detachNetwork(ctr, container);
  } catch (error) {
    if (!isCode(error, "NotFound")) throw error;
  }
  await removeContainer(ctr, container, keepSnapshot);
}

const remove = command({
  name: "delete",
  summary: "Delete containers and their snapshots",
  usage: "CONTAINER [CONTAINER...]",
  flags: { "keep-snapshot": bool("Keep the snapshots") },
  run: async (ctr, { flags, args }) => {
    need(args, 0, "a container");
    const errors: Error[] = [];
    for (const id of args) {
      await removeOne(ctr, id, flags["keep-snapshot"]).catch((error: Error) => void errors.push(error));
    }
    throwAll(errors);
    return 0;
  },
});

const label = command({
  name: "label",
  summary: "Set or clear labels of a container",
  usage: "CONTAINER [KEY=VALUE...]",
  flags: {},
  run: async (ctr, { args }) => {
    const id = need(args, 0, "a container");
    const labels = labelsOf(args.slice(1));
    const { container } = await ctr.containers.update({
      container: { id, labels },
      updateMask: { paths: labelPaths(labels) },
    });
    ctr.line(labelText(container!.labels));
    return 0;
  },
});

export const containers = group("containers", "Manage containers", [
  [create],
  [remove, "del", "remove", "rm"],
  [info],
  [list, "ls"],
  [label],
  [checkpointContainer],
  [restoreContainer],
]);
