/** POST /images/create?fromSrc: a root file system as a tar becomes an image of one layer. */

import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import type { Digest } from "../../../common/digest.ts";
import { WharfError } from "../../../common/errors.ts";
import { OCI } from "../../../common/oci/media-types.ts";
import type { Platform } from "../../../common/oci/platform.ts";
import { familiarReference, type Reference } from "../../../common/reference.ts";
import { UNCOMPRESSED } from "../../transfer/labels.ts";
import { SharedLease } from "../../transfer/lease.ts";
import { now } from "../clock.ts";
import type { Engine } from "../engine.ts";
import { addBlobLabels, storeBlob } from "./archive/blobs.ts";
import { decompressed } from "./archive/decompress.ts";
import { applyChanges } from "./changes.ts";
import { finishImage } from "./make.ts";

/** Faster than zlib's 6 by half, and a few per cent larger. */
const LEVEL = 4;

export interface ImportRequest {
  reference: Reference | undefined;
  platform: Platform;
  message: string;
  changes: readonly string[];
}

/** The id of the new image. DataLoss for what cannot be unpacked. */
export async function importImage(
  engine: Engine,
  source: AsyncIterable<Uint8Array>,
  request: ImportRequest,
): Promise<Digest> {
  const execution = applyChanges({}, request.changes);
  return await SharedLease.during(engine.client, async (lease) => {
    const hash = createHash("sha256");
    const plain = async function* () {
      for await (const piece of decompressed(source)) {
        hash.update(piece);
        yield piece;
      }
    };
    const { digest, size } = await storeBlob(lease.client, gzipped(plain()));
    const diffId: Digest = `sha256:${hash.digest("hex")}`;
    await addBlobLabels(lease.client, digest, { [UNCOMPRESSED]: diffId });
    const created = now();
    const { id } = await finishImage(
      engine,
      lease.client,
      {
        created,
        ...request.platform,
        config: execution,
        rootfs: { type: "layers", diff_ids: [diffId] },
        history: [{ created, comment: request.message }],
      },
      [{ mediaType: OCI.layerGzip, digest, size }],
      request.reference,
    );
    engine.events.emit("image", "import", id, {
      name: request.reference ? familiarReference(request.reference) : id,
    });
    return id;
  });
}

async function* gzipped(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  // Not imported: most daemons never need it, and it is a megabyte.
  const gzip = process.getBuiltinModule("node:zlib").createGzip({ level: LEVEL });
  const input = Readable.from(source, { objectMode: false });
  input.on("error", (error) => gzip.destroy(error));
  input.pipe(gzip);
  try {
    for await (const piece of gzip as AsyncIterable<Uint8Array>) yield piece;
  } finally {
    input.destroy();
    gzip.destroy();
  }
}

/** What a URL has. InvalidArgument for other schemes, Unavailable when it does not answer as it should. */
export async function* download(url: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  if (!/^https?:\/\//.test(url)) {
    throw new WharfError("InvalidArgument", `${JSON.stringify(url)} is no http or https address`, {
      operation: "import image",
      hint: "give - and the archive as body",
    });
  }
  const response = await fetch(url, { signal }).catch((cause: unknown) => {
    throw new WharfError("Unavailable", `cannot fetch ${url}`, { operation: "import image", subject: url, cause });
  });
  if (!response.ok || !response.body)
    throw new WharfError("Unavailable", `${url} answered ${response.status}`, { operation: "import image" });
  yield* response.body as unknown as AsyncIterable<Uint8Array>;
}
