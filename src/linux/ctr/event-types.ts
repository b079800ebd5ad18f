// The types of containerd's events, by their names.
import * as container from "../../common/gen/containerd/events/container.ts";
import * as content from "../../common/gen/containerd/events/content.ts";
import * as image from "../../common/gen/containerd/events/image.ts";
import * as namespace from "../../common/gen/containerd/events/namespace.ts";
import * as sandbox from "../../common/gen/containerd/events/sandbox.ts";
import * as snapshot from "../../common/gen/containerd/events/snapshot.ts";
import * as task from "../../common/gen/containerd/events/task.ts";
import type { MessageType } from "../../common/protobuf/schema.ts";

const ALL = [container, content, image, namespace, sandbox, snapshot, task].flatMap((one) => Object.values(one));

export const EVENT_TYPES: ReadonlyMap<string, MessageType<unknown>> = new Map(
  (ALL as MessageType<unknown>[]).map((type) => [type.typeName, type]),
);
