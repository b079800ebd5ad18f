// ctr images inspect: an image's documents as a tree.
import { bool } from "../../../common/cli/flags.ts";
import { isCode } from "../../../common/errors.ts";
import type { Descriptor } from "../../../common/oci/image.ts";
import { isIndexType, isManifestType } from "../../../common/oci/media-types.ts";
import { type Ctr, command, need } from "../ctr.ts";
import { getImage, readBlob } from "../image.ts";
import { goTime } from "../labels.ts";

/** All of them as wide. */
const [MIDDLE, LAST, SKIP, SPACE] = ["├── ", "└── ", "│   ", "    "];

export const inspect = command({
  name: "inspect",
  summary: "Show an image's documents as a tree",
  usage: "IMAGE",
  flags: { content: bool("Show the documents themselves") },
  run: async (ctr, { flags, args }) => {
    const { name, target, labels, createdAt, updatedAt } = await getImage(ctr, need(args, 0, "an image"));
    ctr.line(name);
    ctr.line(`${SKIP} Created: ${goTime(createdAt)}`);
    ctr.line(`${SKIP} Updated: ${goTime(updatedAt)}`);
    const quoted = Object.entries(labels).sort();
    for (const [key, value] of quoted) ctr.line(`${SKIP} Label ${JSON.stringify(key)}: ${JSON.stringify(value)}`);
    await new Tree(ctr, flags.content).show(target, LAST, SPACE);
    return 0;
  },
});

class Tree {
  readonly #ctr: Ctr;
  readonly #verbose: boolean;

  constructor(ctr: Ctr, verbose: boolean) {
    this.#ctr = ctr;
    this.#verbose = verbose;
  }

  #head(prefix: string, { mediaType, digest, size }: Descriptor): void {
    this.#ctr.line(`${prefix}${mediaType} @${digest} (${size} bytes)`);
  }

  /** A document and what it names; `below` stands before all that is not its first line. */
  async show(blob: Descriptor, prefix: string, below: string): Promise<void> {
    this.#head(prefix, blob);
    let more = below + SKIP;
    const { platform } = blob;
    if (platform?.architecture) this.#ctr.line(`${more} Platform: ${platform.os}/${platform.architecture}`);
    let text: string;
    try {
      text = native.utf8(await readBlob(this.#ctr, blob.digest));
    } catch (error) {
      if (!isCode(error, "NotFound")) throw error;
      this.#ctr.line(`${below}${LAST} Content does not exist locally, skipping`);
      return;
    }
    await this.#content(blob, more);
    const document = JSON.parse(text) as { manifests?: Descriptor[]; config?: Descriptor; layers?: Descriptor[] };
    if (isIndexType(blob.mediaType)) {
      const manifests = document.manifests ?? [];
      for (const [at, one] of manifests.entries()) {
        const last = at === manifests.length - 1;
        await this.show(one, below + (last ? LAST : MIDDLE), below + (last ? SPACE : SKIP));
      }
    } else if (isManifestType(blob.mediaType) && document.config) {
      const layers = document.layers ?? [];
      if (layers.length === 0) more = below + SPACE;
      this.#head(below + (layers.length === 0 ? LAST : MIDDLE), document.config);
      await this.#content(document.config, more);
      for (const [at, one] of layers.entries()) this.#head(below + (at === layers.length - 1 ? LAST : MIDDLE), one);
    }
  }

  async #content({ digest, mediaType }: Descriptor, prefix: string): Promise<void> {
    if (!this.#verbose) return;
    const { info } = await this.#ctr.content.info({ digest });
    const labels = Object.entries(info!.labels).sort();
    if (labels.length > 0) {
      this.#ctr.line(`${prefix}┌────────Labels─────────`);
      for (const [key, value] of labels) this.#ctr.line(`${prefix}│${JSON.stringify(key)}: ${JSON.stringify(value)}`);
      this.#ctr.line(`${prefix}└───────────────────────`);
    }
    if (!mediaType.endsWith("json")) return;
    const document = JSON.parse(native.utf8(await readBlob(this.#ctr, digest))) as unknown;
    this.#ctr.line(`${prefix}┌────────Content────────`);
    for (const line of JSON.stringify(document, undefined, 3).split("\n")) this.#ctr.line(`${prefix}│${line}`);
    this.#ctr.line(`${prefix}└───────────────────────`);
  }
}
