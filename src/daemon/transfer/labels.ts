/** The labels by which containerd's garbage collector, push and unpacking find their way, with containerd's names. */

import type { Descriptor, ImageDocument } from "../../common/oci/image.ts";
import type { Labels } from "../containerd/api/types.ts";

/** On a layer's blob: its diff id. */
export const UNCOMPRESSED = "containerd.io/uncompressed";
/** Before the registry's name, on any blob: the repositories where it can be had, joined by commas. */
const SOURCE = "containerd.io/distribution.source.";
/** On a prepared snapshot: the name it is to be committed under. */
export const SNAPSHOT_REF = "containerd.io/snapshot.ref";
/** containerd's limit for a label's key and value together; bytes. */
const LABEL_LIMIT = 4096;

/** On an image config: the snapshot of the unpacked image. */
export function snapshotRefLabel(snapshotter: string): string {
  return `containerd.io/gc.ref.snapshot.${snapshotter}`;
}

/** Labels that keep what a document refers to from being collected. */
export function childLabels(document: ImageDocument): Labels {
  const labels: Labels = {};
  if (document.kind === "index") {
    document.index.manifests.forEach((one, at) => {
      labels[`containerd.io/gc.ref.content.m.${at}`] = one.digest;
    });
  } else {
    labels["containerd.io/gc.ref.content.config"] = document.manifest.config.digest;
    document.manifest.layers.forEach((one, at) => {
      labels[`containerd.io/gc.ref.content.l.${at}`] = one.digest;
    });
  }
  return labels;
}

/** As containerd has it the port does not count. */
function sourceKey(domain: string): string {
  return SOURCE + domain.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
}

/** The source label with one more repository; undefined when nothing changes. */
export function sourceLabel(domain: string, path: string, labels: Labels): Labels | undefined {
  const key = sourceKey(domain);
  const known = (labels[key] ?? "").split(",").filter(Boolean);
  if (known.includes(path)) return undefined;
  const value = [...known, path].sort().join(",");
  // Too many to be told: the newest one alone serves as well.
  return { [key]: key.length + value.length > LABEL_LIMIT ? path : value };
}

/** The repositories of a registry in which a blob with these labels lies. */
export function sourcesOf(domain: string, labels: Labels): string[] {
  return (labels[sourceKey(domain)] ?? "").split(",").filter(Boolean);
}

/** The source labels among a blob's labels; an archive's index has them as annotations. */
export function sourcesIn(labels: Labels): Labels {
  return Object.fromEntries(Object.entries(labels).filter(([key]) => key.startsWith(SOURCE)));
}

/** The name of a blob's ingest, containerd's (remotes.MakeRefKey). */
export function ingestRef(
  descriptor: Pick<Descriptor, "digest" | "mediaType">,
  kind: "index" | "manifest" | "config" | "layer",
): string {
  return `${kind}-${descriptor.digest}`;
}
