/**
 * The OCI image format: descriptors, manifests, indexes, configs (image-spec v1.1), and the checks that data from
 * outside must pass before the rest of the code sees these types.
 *
 * A checked document is the parsed JSON itself: fields this code does not know stay in it.
 */

import { type Digest, isDigest } from "../digest.ts";
import { WharfError } from "../errors.ts";
import { arrayOf, field, optional, type Shape, shape } from "./check.ts";
import { bareMediaType, isConfigType, isIndexType, isManifestType, isSchema1Type, OCI } from "./media-types.ts";
import type { Platform } from "./platform.ts";

/** descriptor.md */
export interface Descriptor {
  mediaType: string;
  digest: Digest;
  /** Bytes. */
  size: number;
  urls?: string[];
  annotations?: Record<string, string>;
  /** The content itself, base64. */
  data?: string;
  platform?: Platform;
  artifactType?: string;
}

/** manifest.md; Docker's schema 2 has the same form. */
export interface Manifest {
  schemaVersion: 2;
  mediaType?: string;
  artifactType?: string;
  config: Descriptor;
  layers: Descriptor[];
  subject?: Descriptor;
  annotations?: Record<string, string>;
}

/** image-index.md; Docker's manifest list has the same form. */
export interface Index {
  schemaVersion: 2;
  mediaType?: string;
  artifactType?: string;
  manifests: Descriptor[];
  subject?: Descriptor;
  annotations?: Record<string, string>;
}

/** config.md, `config`, with Docker's additions. Go's encoder writes null for what is empty. */
export interface ImageExecution {
  User?: string;
  ExposedPorts?: Record<string, object> | null;
  Env?: string[] | null;
  Entrypoint?: string[] | null;
  Cmd?: string[] | null;
  Volumes?: Record<string, object> | null;
  WorkingDir?: string;
  Labels?: Record<string, string> | null;
  StopSignal?: string;
  ArgsEscaped?: boolean;
  /** Times in nanoseconds. */
  Healthcheck?: {
    Test?: string[] | null;
    Interval?: number;
    Timeout?: number;
    StartPeriod?: number;
    StartInterval?: number;
    Retries?: number;
  };
  OnBuild?: string[] | null;
  Shell?: string[] | null;
}

export interface History {
  created?: string;
  author?: string;
  created_by?: string;
  comment?: string;
  empty_layer?: boolean;
}

/** config.md */
export interface ImageConfig {
  created?: string;
  author?: string;
  architecture: string;
  os: string;
  "os.version"?: string;
  "os.features"?: string[];
  variant?: string;
  config?: ImageExecution | null;
  rootfs: { type: "layers"; diff_ids: Digest[] };
  history?: History[] | null;
}

/** The largest manifest or index that is read, in bytes: twice what the distribution spec asks registries to take. */
export const MAX_MANIFEST = 8 << 20;
/** The largest image config that is read, in bytes. */
export const MAX_CONFIG = 8 << 20;
/** The kernel's overlayfs takes at most 500 lower layers; other tools stop at 127. Above this it is an attack. */
const MAX_LAYERS = 500;

const text: Shape = { kind: "string" };
const texts: Shape = { kind: "array", of: text };
const textMap: Shape = { kind: "map", of: text };
const setMap: Shape = { kind: "map", of: { kind: "object" } };
const number: Shape = { kind: "number" };

const PLATFORM: Shape = shape({
  architecture: text,
  os: text,
  "os.version": optional(text),
  "os.features": optional(texts),
  variant: optional(text),
});

const DESCRIPTOR: Shape = shape({
  mediaType: {
    kind: "string",
    check: (value) => (/^[\w.+-]+\/[\w.+-]+$/.test(value) ? undefined : "is no media type"),
  },
  digest: { kind: "string", check: (value) => (isDigest(value) ? undefined : "is no digest") },
  size: {
    kind: "number",
    check: (value) => (Number.isSafeInteger(value) && value >= 0 ? undefined : "is no size in bytes"),
  },
  urls: optional(texts),
  annotations: optional(textMap),
  data: optional(text),
  platform: optional(PLATFORM),
  artifactType: optional(text),
});

const VERSION_2: Shape = { kind: "number", check: (value) => (value === 2 ? undefined : "must be 2") };

const MANIFEST: Shape = shape({
  schemaVersion: VERSION_2,
  mediaType: optional(text),
  artifactType: optional(text),
  config: DESCRIPTOR,
  layers: { kind: "array", of: DESCRIPTOR, max: MAX_LAYERS },
  subject: optional(DESCRIPTOR),
  annotations: optional(textMap),
});

const INDEX: Shape = shape({
  schemaVersion: VERSION_2,
  mediaType: optional(text),
  artifactType: optional(text),
  manifests: arrayOf(DESCRIPTOR),
  subject: optional(DESCRIPTOR),
  annotations: optional(textMap),
});

const CONFIG: Shape = shape({
  created: optional(text),
  author: optional(text),
  architecture: text,
  os: text,
  "os.version": optional(text),
  "os.features": optional(texts),
  variant: optional(text),
  config: optional(
    shape({
      User: optional(text),
      ExposedPorts: optional(setMap),
      Env: optional(texts),
      Entrypoint: optional(texts),
      Cmd: optional(texts),
      Volumes: optional(setMap),
      WorkingDir: optional(text),
      Labels: optional(textMap),
      StopSignal: optional(text),
      ArgsEscaped: optional({ kind: "boolean" }),
      Healthcheck: optional(
        shape({
          Test: optional(texts),
          Interval: optional(number),
          Timeout: optional(number),
          StartPeriod: optional(number),
          StartInterval: optional(number),
          Retries: optional(number),
        }),
      ),
      OnBuild: optional(texts),
      Shell: optional(texts),
    }),
  ),
  rootfs: shape({
    type: { kind: "string", check: (value) => (value === "layers" ? undefined : 'must be "layers"') },
    diff_ids: {
      kind: "array",
      max: MAX_LAYERS,
      of: { kind: "string", check: (value) => (isDigest(value) ? undefined : "is no digest") },
    },
  }),
  history: optional(
    arrayOf(shape({ created: optional(text), created_by: optional(text), empty_layer: optional({ kind: "boolean" }) })),
  ),
});

/** Checks one descriptor. Throws InvalidArgument naming the field. */
export function parseDescriptor(value: unknown, subject: string): Descriptor {
  field(DESCRIPTOR, value, "descriptor", subject);
  return value as Descriptor;
}

/** A manifest or an index, told apart. */
export type ImageDocument =
  | { kind: "manifest"; mediaType: string; manifest: Manifest }
  | { kind: "index"; mediaType: string; index: Index };

/**
 * Parses what a registry or a layout gave as manifest or index. `mediaType` is what the descriptor or the Content-Type
 * header says; the document must agree, and must not be readable as both (CVE-2021-41190).
 * @throws WharfError InvalidArgument for malformed content, Unimplemented for schema 1
 */
export function parseImageDocument(json: string, mediaType: string | undefined, subject: string): ImageDocument {
  const value = parseJson(json, subject) as Record<string, unknown>;
  const said = mediaType === undefined ? undefined : bareMediaType(mediaType);
  if ((said !== undefined && isSchema1Type(said)) || (value.schemaVersion === 1 && value.mediaType !== OCI.index)) {
    throw new WharfError("Unimplemented", "it is in Docker's schema 1, which is not supported", {
      operation: "read manifest",
      subject,
      hint: "push the image again with a current tool: docker has written schema 2 since 2016",
    });
  }
  const inside = typeof value.mediaType === "string" && value.mediaType !== "" ? value.mediaType : undefined;
  const known = said !== undefined && (isIndexType(said) || isManifestType(said)) ? said : undefined;
  if (inside !== undefined && known !== undefined && inside !== known) {
    invalid(`the manifest calls itself ${inside} but was announced as ${known}`, subject);
  }
  const type = inside ?? known ?? (Array.isArray(value.manifests) ? OCI.index : OCI.manifest);
  if (!isIndexType(type) && !isManifestType(type))
    invalid(`${JSON.stringify(type)} is neither a manifest nor an index`, subject);
  if (isIndexType(type)) {
    if (value.layers !== undefined || value.config !== undefined)
      invalid("it is both an index and a manifest", subject);
    field(INDEX, value, "index", subject);
    return { kind: "index", mediaType: type, index: value as unknown as Index };
  }
  if (value.manifests !== undefined) invalid("it is both a manifest and an index", subject);
  field(MANIFEST, value, "manifest", subject);
  return { kind: "manifest", mediaType: type, manifest: value as unknown as Manifest };
}

/** Parses an image config. Throws InvalidArgument naming the field. */
export function parseImageConfig(json: string, subject: string): ImageConfig {
  const value = parseJson(json, subject);
  field(CONFIG, value, "config", subject);
  return value as ImageConfig;
}

/** True when the manifest describes something that can run; otherwise it is an artifact (chart, signature, policy …). */
export function isImage(manifest: Manifest): boolean {
  return isConfigType(manifest.config.mediaType);
}

/** An image config's platform. */
export function configPlatform(config: ImageConfig): Platform {
  const platform: Platform = { architecture: config.architecture, os: config.os };
  if (config.variant) platform.variant = config.variant;
  if (config["os.version"]) platform["os.version"] = config["os.version"];
  return platform;
}

/**
 * The chain id of each layer on top of those below it (config.md, "Layer ChainID"): the names of snapshots.
 * `sha256` gives the digest of a text.
 */
export function chainIds(diffIds: readonly Digest[], sha256: (text: string) => Digest): Digest[] {
  const chain: Digest[] = [];
  for (const diffId of diffIds) {
    const parent = chain.at(-1);
    chain.push(parent === undefined ? diffId : sha256(`${parent} ${diffId}`));
  }
  return chain;
}

function parseJson(json: string, subject: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw new WharfError("InvalidArgument", "it is not JSON", { operation: "read image", subject, cause });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) invalid("it is not a JSON object", subject);
  return value;
}

function invalid(why: string, subject: string): never {
  throw new WharfError("InvalidArgument", why, { operation: "read image", subject });
}
