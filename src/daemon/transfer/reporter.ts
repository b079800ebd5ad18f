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

export interface Reporter {
  readonly event: (event: TransferEvent) => void;
  /** After the transfer's last word: what is complete that was not told to be. ctr shows that word with the next step of something that has a name. */
  finish(): void;
}

export function pullReporter(reference: string, tell: Tell): Reporter {
  tell({ event: `Resolving from ${title({ reference })}`, name: "" });
  return reporter(reference, tell, {
    resolved() {
      tell({ event: `Pulling from ${title({ reference })}`, name: "" });
      tell({ event: "fetching image content", name: reference });
    },
    // It is there when it is known.
    document: (desc, parents) => complete(desc, nameOf(desc), parents, tell),
    config: (desc, parents) =>
      tell({ event: "waiting", name: ingestRef(desc, "config"), parents, progress: 0, total: desc.size, desc }),
  });
}

export function pushReporter(image: string, reference: string, tell: Tell): Reporter {
  tell({ event: `Pushing to ${title({ reference })}`, name: "" });
  return reporter(image, tell, {
    resolved: (desc) => tell({ event: "pushing content", name: image, desc }),
    document: (desc, parents) =>
      tell({ event: "waiting", name: nameOf(desc), parents, progress: 0, total: desc.size, desc }),
  });
}

function complete(desc: Descriptor, name: string, parents: string[], tell: Tell): void {
  tell({ event: "complete", name, parents, progress: desc.size, total: desc.size, desc });
}

function nameOf(descriptor: Descriptor): string {
  return ingestRef(descriptor, isIndexType(descriptor.mediaType) ? "index" : "manifest");
}

interface Told {
  resolved(descriptor: Descriptor): void;
  /** A manifest or index is known. */
  document(descriptor: Descriptor, parents: string[]): void;
  /** Where its steps are not told. */
  config?(descriptor: Descriptor, parents: string[]): void;
}

function reporter(root: string, tell: Tell, told: Told): Reporter {
  let top: Descriptor | undefined;
  const parts = new Map<string, { desc: Descriptor; parents: string[]; name: string }>();
  /** To be told complete at the end. */
  const late = new Map<string, () => void>();
  const document = (desc: Descriptor, parents: string[]) => {
    told.document(desc, parents);
    if (!told.config) late.set(desc.digest, () => complete(desc, nameOf(desc), parents, tell));
  };
  const part = (desc: Descriptor, kind: "config" | "layer", parent: string) => {
    const known = parts.get(desc.digest);
    const name = known?.name ?? ingestRef(desc, kind);
    const parents = known?.parents ?? [];
    parents.push(parent);
    if (known) return;
    parts.set(desc.digest, { desc, parents, name });
    if (kind === "layer" || !told.config) return;
    told.config(desc, parents);
    late.set(desc.digest, () => complete(desc, name, parents, tell));
  };
  return {
    event(event) {
      if (event.kind === "resolved") {
        top = event.descriptor;
        told.resolved(top);
        document(top, [root]);
      } else if (event.kind === "saved") {
        tell({ event: "saved", name: event.name });
      } else if (event.kind === "layers") {
        const { manifest, config, layers } = event;
        if (manifest.digest !== top?.digest) document(manifest, [top ? nameOf(top) : root]);
        if (config) part(config, "config", nameOf(manifest));
        for (const layer of layers) part(layer, "layer", nameOf(manifest));
      } else {
        const { id, status } = event;
        const { desc, parents, name } = parts.get(id) ?? { desc: undefined, parents: [root], name: `config-${id}` };
        const total = event.total ?? desc?.size;
        const progress = WHOLE.has(status) ? total : event.current;
        tell({ event: EVENTS[status], name, parents, progress, total, desc });
      }
    },
    finish() {
      for (const tellLate of late.values()) tellLate();
    },
  };
}
