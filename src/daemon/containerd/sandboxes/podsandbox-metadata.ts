/**
 * What containerd's CRI plugin writes down of a pod (internal/cri/store/sandbox): a JSON document, as an extension of the sandbox's record
 * for whoever runs it, and of the container that holds it for whoever looks for pods after a restart.
 */

import { WharfError } from "../../../common/errors.ts";
import { PodSandboxConfig } from "../../../common/gen/cri/sandbox-config.ts";
import { fromGoJson, toGoJson } from "../../../common/protobuf/go-json.ts";
import type { Any } from "../api/types.ts";

/** The extension's name in the sandbox's record. */
export const METADATA_EXTENSION = "metadata";
/** And in the container's. */
export const CONTAINER_EXTENSION = "io.cri-containerd.sandbox.metadata";
const TYPE_URL = "github.com/containerd/cri/pkg/store/sandbox/Metadata";
const VERSION = "v1";

export interface PodMetadata {
  config: PodSandboxConfig;
  netnsPath: string;
  /** The document, with fields that are not ours to know. */
  document: Readonly<Record<string, unknown>>;
}

/** InvalidArgument for anything but such a document. */
export function readMetadata(extension: Any): PodMetadata {
  const document = readDocument(extension);
  const { Config, NetNSPath = "" } = document;
  if (typeof NetNSPath !== "string") throw wrong("has a NetNSPath that is no text");
  return { config: fromGoJson(PodSandboxConfig, Config ?? {}), netnsPath: NetNSPath, document };
}

function readDocument({ typeUrl, value }: Any): Record<string, unknown> {
  if (typeUrl !== TYPE_URL) throw wrong(`is a ${JSON.stringify(typeUrl)}, not a ${TYPE_URL}`);
  const { Version, Metadata } = parse(value) as { Version?: unknown; Metadata?: Record<string, unknown> };
  if (Version !== VERSION) throw wrong(`has the version ${JSON.stringify(Version ?? "")}, known is ${VERSION}`);
  if (typeof Metadata !== "object" || Metadata === null) throw wrong("has no Metadata");
  return Metadata;
}

function parse(value: Uint8Array): object {
  try {
    const json: unknown = JSON.parse(new TextDecoder().decode(value));
    if (typeof json === "object" && json !== null) return json;
  } catch (cause) {
    throw wrong("is no JSON", cause);
  }
  throw wrong("is no JSON object");
}

function wrong(what: string, cause?: unknown): WharfError {
  const name = JSON.stringify(METADATA_EXTENSION);
  return new WharfError("InvalidArgument", `the sandbox's extension ${name} ${what}`, { cause });
}

/** The document of a pod that was told of in another way. */
export function metadataOf(id: string, config: PodSandboxConfig, netnsPath: string): PodMetadata {
  const { name = "", namespace = "", uid = "", attempt = 0 } = config.metadata ?? {};
  const document = {
    ...{ ID: id, Name: [name, namespace, uid, attempt].join("_"), Config: toGoJson(PodSandboxConfig, config) },
    ...{ NetNSPath: netnsPath, IP: "", AdditionalIPs: null, RuntimeHandler: "", CNIResult: null, ProcessLabel: "" },
  };
  return { config, netnsPath, document };
}

export function writeMetadata({ document }: PodMetadata, processLabel: string): Any {
  const text = JSON.stringify({ Version: VERSION, Metadata: { ...document, ProcessLabel: processLabel } });
  return { typeUrl: TYPE_URL, value: new TextEncoder().encode(text) };
}

/**
 * What stands in the extension of a container; nothing for one that was made without, or has another, or what is no such document: any client may
 * write there, and one container's is not to be in the way of others.
 */
export function documentIn(extension: Any | undefined): Readonly<Record<string, unknown>> {
  try {
    return extension ? readDocument(extension) : {};
  } catch {
    return {};
  }
}

/** The SELinux label that a pod has been given, as its document has it; empty for none. */
export function processLabelOf(extension: Any | undefined): string {
  return String(documentIn(extension).ProcessLabel ?? "");
}
