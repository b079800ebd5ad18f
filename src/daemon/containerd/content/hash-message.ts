/** What a hash worker is asked, and what it answers. */

import type { DigestAlgorithm } from "../../../common/digest.ts";

export type HashRequest = { seq: number; id: number } & (
  | { op: "open"; path: string; algorithm: DigestAlgorithm; offset: number }
  /** The file has this many bytes by now: hashes on to there. */
  | { op: "advance"; size: number }
  | { op: "truncate"; size: number }
  | { op: "digest"; algorithm: DigestAlgorithm; size: number }
  | { op: "close" }
);

export interface HashResponse {
  seq: number;
  hex?: string;
  error?: { code?: string | undefined; message: string };
}
