/** SHA-256 of bytes in memory, or of a text as UTF-8, as a digest. */

import { createHash } from "node:crypto";
import type { Digest } from "../../common/digest.ts";

export function sha256(content: Uint8Array | string): Digest {
  return `sha256:${createHash("sha256").update(content).digest("hex")}`;
}
