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

export type RegistryAuth = { username: string; secret: string } | { identityToken: string } | { header: string };

export interface HttpDebug {
  /** Requests and answers. */
  requests: boolean;
  /** One line for each. */
  trace: boolean;
  dump?: ((text: string) => void) | undefined;
  /** Resolves when all that was dumped is on its way, or nobody takes it. */
  flush?: (() => Promise<void>) | undefined;
}

/** An image in a registry. */
export interface OciRegistry {
  type: "registry";
  reference: string;
  /** For this registry, or asked for when it wants some; otherwise those of the configuration. */
  auth?: RegistryAuth | ((host: string) => Promise<RegistryAuth | undefined>) | undefined;
  /** Directory with a hosts.toml for each registry, in place of the configuration. */
  hostDir?: string | undefined;
  /** What to speak to the registry itself; by default what suits its address. */
  scheme?: "http" | "https" | undefined;
  /** Further headers of each request. */
  headers?: Labels | undefined;
  /** What goes over the wire is told: to `dump`, or in the log. */
  debug?: HttpDebug | undefined;
}

/** A name, or what names are made from, for what is stored or looked up beyond the image's own (containerd, core/transfer/image). */
export interface ImageReference {
  name: string;
  /** The name is a prefix: a tag, or with `addDigest` the digest, is put behind it. */
  isPrefix?: boolean | undefined;
  /** A full name that the archive has is taken, though it does not begin with the prefix. */
  allowOverwrite?: boolean | undefined;
  addDigest?: boolean | undefined;
  /** No name by digest for what has another name. */
  skipNamedDigest?: boolean | undefined;
}

/** An image in our store. */
export interface StoredImage {
  type: "image-store";
  name: string;
  labels?: Labels | undefined;
  /** `linux/amd64`; the host's by default. */
  platforms?: string[] | undefined;
  allPlatforms?: boolean | undefined;
  /** Pulled: manifests and configs of all other platforms, too. */
  allMetadata?: boolean | undefined;
  /** Pulled: images at most; 0 for no limit. */
  manifestLimit?: number | undefined;
  extraReferences?: ImageReference[] | undefined;
  /** Snapshotters to unpack for; none by default. */
  unpacks?: { platform?: string | undefined; snapshotter: string }[] | undefined;
}

/** A tar archive: OCI image layout or docker save. */
export interface ArchiveStream {
  type: "archive";
  mediaType?: string | undefined;
  /** Read: layers that are not compressed are compressed. */
  forceCompress?: boolean | undefined;
  /** Written: platforms to have; all of them where it is undefined, the host's where it is empty. */
  platforms?: string[] | undefined;
  /** Written without layers that may not be handed on. */
  skipNonDistributable?: boolean | undefined;
  /** Written without docker save's manifest.json. */
  skipDockerManifest?: boolean | undefined;
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
