/** The events of the core, by topic (containerd, api/events): packed where they are made, unpacked by those who listen. */

import { ContainerCreate, ContainerDelete, ContainerUpdate } from "../../../common/gen/containerd/events/container.ts";
import { ContentCreate, ContentDelete } from "../../../common/gen/containerd/events/content.ts";
import { ImageCreate, ImageDelete, ImageUpdate } from "../../../common/gen/containerd/events/image.ts";
import { NamespaceCreate, NamespaceDelete, NamespaceUpdate } from "../../../common/gen/containerd/events/namespace.ts";
import { SandboxCreate, SandboxExit, SandboxStart } from "../../../common/gen/containerd/events/sandbox.ts";
import { SnapshotCommit, SnapshotPrepare, SnapshotRemove } from "../../../common/gen/containerd/events/snapshot.ts";
import {
  TaskCheckpointed,
  TaskCreate,
  TaskDelete,
  TaskExecAdded,
  TaskExecStarted,
  TaskExit,
  TaskOOM,
  TaskPaused,
  TaskResumed,
  TaskStart,
} from "../../../common/gen/containerd/events/task.ts";
import { anyName, packAny, unpackIf } from "../../../common/protobuf/any.ts";
import type { Init, MessageType } from "../../../common/protobuf/schema.ts";
import type { Any } from "../api/types.ts";

/** An event before it has a time and a namespace. */
export interface EventMessage {
  topic: string;
  event: Any;
}

const make =
  <T>(topic: string, type: MessageType<T>) =>
  (value: Init<T>): EventMessage => ({ topic, event: packAny(type, value) });

export const contentCreate = make("/content/create", ContentCreate);
export const contentDelete = make("/content/delete", ContentDelete);
export const imageCreate = make("/images/create", ImageCreate);
export const imageUpdate = make("/images/update", ImageUpdate);
export const imageDelete = make("/images/delete", ImageDelete);
export const containerCreate = make("/containers/create", ContainerCreate);
export const containerUpdate = make("/containers/update", ContainerUpdate);
export const containerDelete = make("/containers/delete", ContainerDelete);
export const namespaceCreate = make("/namespaces/create", NamespaceCreate);
export const namespaceUpdate = make("/namespaces/update", NamespaceUpdate);
export const namespaceDelete = make("/namespaces/delete", NamespaceDelete);
export const snapshotPrepare = make("/snapshot/prepare", SnapshotPrepare);
export const snapshotCommit = make("/snapshot/commit", SnapshotCommit);
export const snapshotRemove = make("/snapshot/remove", SnapshotRemove);
export const sandboxCreate = make("/sandboxes/create", SandboxCreate);
export const sandboxStart = make("/sandboxes/start", SandboxStart);
export const sandboxExit = make("/sandboxes/exit", SandboxExit);
export const taskStart = make("/tasks/start", TaskStart);
export const taskExit = make("/tasks/exit", TaskExit);
export const taskDelete = make("/tasks/delete", TaskDelete);

const TYPES: ReadonlyMap<string, MessageType<unknown>> = new Map(
  [
    ...[ContainerCreate, ContainerDelete, ContainerUpdate, ContentCreate, ContentDelete],
    ...[ImageCreate, ImageDelete, ImageUpdate, NamespaceCreate, NamespaceDelete, NamespaceUpdate],
    ...[SandboxCreate, SandboxExit, SandboxStart],
    ...[SnapshotCommit, SnapshotPrepare, SnapshotRemove],
    ...[TaskCheckpointed, TaskCreate, TaskDelete, TaskExecAdded, TaskExecStarted, TaskExit],
    ...[TaskOOM, TaskPaused, TaskResumed, TaskStart],
  ].map((type: MessageType<unknown>) => [type.typeName, type]),
);

/** The fields of an event of a known type; undefined for others, and for bytes that are no such message: whoever may publish may publish these, too. */
export function decodeEvent(event: Any): Record<string, unknown> | undefined {
  const type = TYPES.get(anyName(event));
  return type && (unpackIf(type, event) as Record<string, unknown> | undefined);
}
