/** Puts what arrives into the content store, with its digest found on the way or checked. */

import { createHash, randomBytes } from "node:crypto";
import { pipeline } from "node:stream/promises";
import type { Digest } from "../../../../common/digest.ts";
import { isCode, WharfError } from "../../../../common/errors.ts";
import type { Descriptor } from "../../../../common/oci/image.ts";
import type { Labels } from "../../../containerd/api/types.ts";
import type { Containerd } from "../../../containerd/api.ts";

export interface StoredBlob {
  digest: Digest;
  size: number;
  /** At most its first 8 bytes. */
  first: Uint8Array;
}

/** Stores a stream. DataLoss when it has another digest than expected; a failure leaves nothing. */
export async function storeBlob(
  client: Containerd,
  source: AsyncIterable<Uint8Array>,
  expected?: Digest,
): Promise<StoredBlob> {
  const ref = `load-${randomBytes(8).toString("hex")}`;
  const hash = createHash("sha256");
  let size = 0;
  let first: Uint8Array = new Uint8Array(0);
  try {
    await using writer = await client.content.writer({ ref });
    for await (const piece of source) {
      if (first.length < 8) first = Buffer.concat([first, piece.subarray(0, 8 - first.length)]);
      hash.update(piece);
      size += piece.length;
      await writer.write(piece);
    }
    const digest: Digest = `sha256:${hash.digest("hex")}`;
    if (expected !== undefined && digest !== expected) {
      throw new WharfError("DataLoss", `a blob named ${expected} has the digest ${digest}`, {
        operation: "read archive",
        subject: expected,
        hint: "the archive is damaged",
      });
    }
    try {
      await writer.commit({ size, digest });
    } catch (error) {
      // It may be held by nothing: what adds it to the lease is asking for it by its digest.
      if (!isCode(error, "AlreadyExists")) throw error;
      await holdBlob(client, digest);
    }
    return { digest, size, first };
  } catch (error) {
    await client.content.abort(ref).catch(() => {});
    throw error;
  }
}

/** Stores a blob of the store once more, compressed. */
export async function storeCompressed(client: Containerd, blob: StoredBlob): Promise<StoredBlob> {
  const gzip = process.getBuiltinModule("node:zlib").createGzip();
  const [stored] = await Promise.all([storeBlob(client, gzip), pipeline(client.content.reader(blob), gzip)]);
  return stored;
}

/** Adds a blob that is there to the client's lease. */
async function holdBlob(client: Containerd, digest: Digest): Promise<void> {
  if (client.lease !== undefined) await client.leases.addResource(client.lease, { type: "content", id: digest });
}

/** Stores a document, with labels that hold what it refers to. */
export async function storeDocument(
  client: Containerd,
  mediaType: string,
  value: unknown,
  labels: Labels,
): Promise<Descriptor> {
  const bytes = Buffer.from(JSON.stringify(value));
  const { digest, size } = await storeBlob(
    client,
    (async function* () {
      yield bytes;
    })(),
  );
  await addBlobLabels(client, digest, labels);
  return { mediaType, digest, size };
}

export async function addBlobLabels(client: Containerd, digest: Digest, labels: Labels): Promise<void> {
  const paths = Object.keys(labels).map((name) => `labels.${name}`);
  if (paths.length > 0) await client.content.update({ digest, labels }, paths);
}
