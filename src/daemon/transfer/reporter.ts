/** What a transfer tells of a pull or push: a tree of names below the image's, each step with containerd's words (core/transfer/local/progress.go). */

import type { Descriptor } from "../../common/oci/image.ts";
import { isIndexType } from "../../common/oci/media-types.ts";
import type { OciRegistry, TransferProgress } from "../containerd/api/transfer.ts";
import { ingestRef } from "./labels.ts";
import type { LayerStatus, TransferEvent } from "./progress.ts";

type Tell = (progress: TransferProgress) => void;

/** What happens to a layer. */
const EVENTS: Readonly<Record<LayerStatus, string>> = {
  waiting: "waiting",
  exists: "already exists",
  downloading: "downloading",
  retrying: "waiting",
  downloaded: "complete",
  extracting: "extracting",
  complete: "extracted",
  pushing: "uploading",
  pushed: "complete",
  mounted: "already exists",
};
const WHOLE: ReadonlySet<LayerStatus> = new Set(["exists", "downloaded", "complete", "pushed", "mounted"]);

export function title({ reference }: Pick<OciRegistry, "reference">): string {
  return `OCI Registry (${reference})`;
}

export function pullReporter(reference: string, tell: Tell): (event: TransferEvent) => void {
  tell({ event: `Resolving from ${title({ reference })}`, name: "" });
  return reporter(reference, tell, (descriptor) => {
    tell({ event: `Pulling from ${title({ reference })}`, name: "" });
    tell({ event: "fetching image content", name: reference });
    document(descriptor, [reference], tell);
  });
}

export function pushReporter(image: string, reference: string, tell: Tell): (event: TransferEvent) => void {
  tell({ event: `Pushing to ${title({ reference })}`, name: "" });
  return reporter(image, tell, (descriptor) => tell({ event: "pushing content", name: image, desc: descriptor }));
}

function document(descriptor: Descriptor, parents: string[], tell: Tell): void {
  const total = descriptor.size;
  tell({ event: "complete", name: nameOf(descriptor), parents, progress: total, total, desc: descriptor });
}

function nameOf(descriptor: Descriptor): string {
  return ingestRef(descriptor, isIndexType(descriptor.mediaType) ? "index" : "manifest");
}

function reporter(root: string, tell: Tell, resolved: (descriptor: Descriptor) => void) {
  let top: Descriptor | undefined;
  const layers = new Map<string, { desc: Descriptor; parents: string[]; name: string }>();
  return (event: TransferEvent): void => {
    if (event.kind === "resolved") {
      top = event.descriptor;
      resolved(top);
    } else if (event.kind === "saved") {
      tell({ event: "saved", name: event.name });
    } else if (event.kind === "layers") {
      const { manifest } = event;
      if (manifest.digest !== top?.digest) document(manifest, [top ? nameOf(top) : root], tell);
      for (const desc of event.layers) {
        const known = layers.get(desc.digest);
        if (known) known.parents.push(nameOf(manifest));
        else layers.set(desc.digest, { desc, parents: [nameOf(manifest)], name: ingestRef(desc, "layer") });
      }
    } else {
      const { id, status } = event;
      const { desc, parents, name } = layers.get(id) ?? { desc: undefined, parents: [root], name: `config-${id}` };
      const total = event.total ?? desc?.size;
      const progress = WHOLE.has(status) ? total : event.current;
      tell({ event: EVENTS[status], name, parents, progress, total, desc });
    }
  };
}
