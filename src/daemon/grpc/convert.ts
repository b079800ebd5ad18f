/** Between the plain objects of the containerd interface and the messages on the wire. Both directions: server and client use them. */

import type { Digest } from "../../common/digest.ts";
import { WharfError } from "../../common/errors.ts";
import type { Descriptor as WireDescriptor } from "../../common/gen/containerd/types/descriptor.ts";
import type { Mount as WireMount } from "../../common/gen/containerd/types/mount.ts";
import type { Timestamp as WireTimestamp } from "../../common/gen/google/protobuf/timestamp.ts";
import type { Init } from "../../common/protobuf/schema.ts";
import { formatTimestamp, parseTimestamp } from "../../common/timestamp.ts";
import type { Descriptor, Labels, Mount, Timestamp } from "../containerd/api/types.ts";

/** Go's zero time: what its programs send and take for "none". */
const ZERO = -62_135_596_800;

export function toTime(time: Timestamp | undefined): WireTimestamp | undefined {
  return time === undefined || time === "" ? undefined : parseTimestamp(time);
}

/** As `toTime`, with Go's zero time for none: clients print it as they do containerd's. */
export function toZeroTime(time: Timestamp | undefined): WireTimestamp {
  return toTime(time) ?? { seconds: ZERO, nanos: 0 };
}

export function fromTime(time: WireTimestamp | undefined): Timestamp {
  return time === undefined ? "" : formatTimestamp(time);
}

/** Undefined for Go's zero time and for the epoch, too. */
export function fromZeroTime(time: WireTimestamp | undefined): Timestamp | undefined {
  return time === undefined || time.seconds <= 0 ? undefined : formatTimestamp(time);
}

export function toDescriptor(descriptor: Descriptor): Init<WireDescriptor> {
  const { mediaType, digest, size, annotations } = descriptor;
  return { mediaType, digest, size, annotations: annotations ?? {} };
}

/** The digest is checked by whoever takes it. */
export function fromDescriptor(descriptor: WireDescriptor): Descriptor {
  const { mediaType, digest, size, annotations } = descriptor;
  const plain: Descriptor = { mediaType, digest: digest as Digest, size };
  if (Object.keys(annotations).length > 0) plain.annotations = annotations;
  return plain;
}

export function toMounts(mounts: readonly Mount[]): Init<WireMount>[] {
  return mounts.map(({ type, source, target, options }) => ({ type, source, target, options }));
}

export function fromMounts(mounts: readonly WireMount[]): Mount[] {
  return mounts.map(({ type, source, target, options }) => ({ type, source, target, options }));
}

/** Undefined where a message has none: told apart from an empty set nowhere in containerd's API. */
export function fromLabels(labels: Labels): Labels | undefined {
  return Object.keys(labels).length > 0 ? labels : undefined;
}

/** The message that has to be in a request. InvalidArgument. */
export function required<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new WharfError("InvalidArgument", `the request has no ${what}`);
  return value;
}

/** Things in blocks, as containerd sends lists: a hundred each. */
export async function* blocks<T>(items: AsyncIterable<T>): AsyncGenerator<T[]> {
  let block: T[] = [];
  for await (const item of items) {
    block.push(item);
    if (block.length < 100) continue;
    yield block;
    block = [];
  }
  if (block.length > 0) yield block;
}
