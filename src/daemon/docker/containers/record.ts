/**
 * What the Docker layer knows of a container, as it is kept: JSON in an extension of the containerd container, so that both
 * are made and deleted in one transaction.
 */

import type { ContainerConfig, MountPoint } from "../../../common/docker/container.ts";
import type { HostConfig } from "../../../common/docker/host-config.ts";
import { WharfError } from "../../../common/errors.ts";
import type { Any, Timestamp } from "../../containerd/api/types.ts";

/** Key of the extension, and type URL of its value. */
export const EXTENSION = "wharf.docker";
const TYPE_URL = "wharf/docker/container/v1";

/** Go's zero time, which Docker shows for "never". */
export const NEVER = "0001-01-01T00:00:00Z";

export type Phase = "created" | "running" | "exited";

export interface RecordedState {
  phase: Phase;
  /** The init process on the host; 0 when not running. */
  pid: number;
  exitCode: number;
  /** Why the last start failed. */
  error: string;
  oomKilled: boolean;
  startedAt: Timestamp | typeof NEVER;
  finishedAt: Timestamp | typeof NEVER;
  /** Stopped by a client: a restart policy leaves it alone. */
  stopped: boolean;
  /** A start has begun of which it is not written down how it went. */
  starting?: boolean | undefined;
}

export interface ContainerRecord {
  id: string;
  /** Without the slash. */
  name: string;
  created: Timestamp;
  /** argv[0] and the rest, merged of image and request. */
  path: string;
  args: string[];
  config: ContainerConfig;
  hostConfig: HostConfig;
  mounts: MountPoint[];
  /** By destination: the path of its volume that a mount shows. */
  subpaths?: Record<string, string>;
  /** By alias: ids of the containers that it is linked to on the default bridge. */
  links?: Record<string, string>;
  /** Id of the image: its config's digest. */
  imageId: string;
  /** The committed snapshot that the container's stands on. */
  imageSnapshot: string;
  platform: string;
  /** Whether its control groups are systemd's, as its runtime's handler had it when it was created: the runtime's options are those, too. */
  systemdCgroup?: boolean;
  restartCount: number;
  /** By name, as asked for. */
  networks: Record<string, Record<string, unknown>>;
  state: RecordedState;
}

export function encodeRecord(record: ContainerRecord): Any {
  return { typeUrl: TYPE_URL, value: Buffer.from(JSON.stringify(record)) };
}

/** DataLoss for what was not written by encodeRecord. */
export function decodeRecord(any: Any, subject: string): ContainerRecord {
  try {
    if (any.typeUrl !== TYPE_URL) throw new WharfError("DataLoss", `it has the type ${JSON.stringify(any.typeUrl)}`);
    return JSON.parse(Buffer.from(any.value).toString("utf8")) as ContainerRecord;
  } catch (cause) {
    throw new WharfError("DataLoss", "the container's record cannot be read", {
      operation: "load container",
      subject,
      cause,
    });
  }
}
