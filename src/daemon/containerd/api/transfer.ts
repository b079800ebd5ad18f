/**
 * Transfer: one call that moves images between a registry, the store and streams. Sources and destinations are plain objects
 * with a `type`; the registry client and the importer add theirs.
 */

import type { CallOptions, Descriptor, Labels } from "./types.ts";

/** `containerd.types.transfer.Progress`. */
export interface TransferProgress {
  /** `waiting`, `downloading`, `extracting`, `complete`, `already exists`, `saved` … */
  event: string;
  /** What: a reference or a descriptor's digest. */
  name: string;
  parents?: string[] | undefined;
  /** Bytes done and in all; total 0 when unknown. */
  progress?: number | undefined;
  total?: number | undefined;
  desc?: Descriptor | undefined;
}

/** An image in a registry. */
export interface OciRegistry {
  type: "registry";
  reference: string;
  /** For one registry, by host; otherwise those of the configuration. */
  auth?: { username: string; secret: string } | { identityToken: string } | undefined;
  /** Plain http, no certificate check … by name of the configured host. */
  hostDir?: string | undefined;
}

/** An image in our store. */
export interface StoredImage {
  type: "image-store";
  name: string;
  labels?: Labels | undefined;
  /** `linux/amd64`; the host's by default. */
  platforms?: string[] | undefined;
  allPlatforms?: boolean | undefined;
  /** Snapshotters to unpack for; none by default. */
  unpacks?: { platform?: string | undefined; snapshotter: string }[] | undefined;
}

/** A tar archive: OCI image layout or docker save. */
export interface ArchiveStream {
  type: "archive";
  mediaType?: string | undefined;
  read?: AsyncIterable<Uint8Array> | undefined;
  write?: ((data: Uint8Array) => Promise<void>) | undefined;
}

export type TransferEnd = OciRegistry | StoredImage | ArchiveStream;

export interface TransferOptions extends CallOptions {
  progress?: ((progress: TransferProgress) => void) | undefined;
}

export interface TransferService {
  /** Unimplemented for a pair no one serves. */
  transfer(source: TransferEnd, destination: TransferEnd, options?: TransferOptions): Promise<void>;
}
