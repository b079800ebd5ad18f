/** Small types that several containerd services share. */

import type { Descriptor } from "../../../common/oci/image.ts";

export type { Digest } from "../../../common/digest.ts";
export type { Descriptor };

/** Keys and values of at most 4096 bytes together (containerd, pkg/labels). */
export type Labels = Record<string, string>;

/** RFC 3339 in UTC with nine decimals, `2026-01-02T03:04:05.123456789Z`: sorts as text. See common/timestamp.ts. */
export type Timestamp = string;

/** A typed message, `google.protobuf.Any`. containerd's type URLs have no `type.googleapis.com/` before them. */
export interface Any {
  typeUrl: string;
  value: Uint8Array;
}

/** `containerd.types.Mount`. `target` is a path below the place the list is mounted on; empty for that place itself. */
export interface Mount {
  type: string;
  source: string;
  target: string;
  /** As in fstab: `ro`, `rbind`, `lowerdir=…`. */
  options: string[];
}

/**
 * Fields that an `update` takes from its object, in containerd's spelling: `labels`, `labels.<key>`, `image` … Without
 * them every mutable field is taken. A single label or extension is removed by naming it and leaving it out of the object.
 */
export type FieldPaths = readonly string[];

/** Filters in containerd's syntax (common/filters.ts). An object is taken when any of them matches; without any, all are. */
export type Filters = readonly string[];

export interface CallOptions {
  signal?: AbortSignal | undefined;
}
