/** Content digests, `algorithm:hex` as the OCI image spec has them (descriptor.md, "Digests"). */

import { WharfError } from "./errors.ts";

/** A checked digest: `sha256:` and 64 lower-case hex digits, or sha384 and sha512 with theirs. */
export type Digest = `${DigestAlgorithm}:${string}`;

export type DigestAlgorithm = "sha256" | "sha384" | "sha512";

/** Length of each algorithm's value in hex digits. */
const HEX_LENGTH: Readonly<Record<DigestAlgorithm, number>> = { sha256: 64, sha384: 96, sha512: 128 };

const GRAMMAR = /^[a-z0-9]+(?:[+._-][a-z0-9]+)*:[a-zA-Z0-9=_-]+$/;

/** True when `text` is a digest of a known algorithm with the right number of lower-case hex digits. */
export function isDigest(text: unknown): text is Digest {
  return typeof text === "string" && digestFault(text) === undefined;
}

/** `text` as a digest. Throws InvalidArgument that says what is wrong with it. */
export function parseDigest(text: string): Digest {
  const fault = digestFault(text);
  if (fault !== undefined) {
    throw new WharfError("InvalidArgument", `invalid digest ${JSON.stringify(shorten(text))}: ${fault}`, {
      operation: "parse digest",
      subject: text,
    });
  }
  return text as Digest;
}

/** Why `text` is no digest; undefined when it is one. */
function digestFault(text: string): string | undefined {
  const colon = text.indexOf(":");
  if (colon <= 0) return "it must look like sha256:<64 hex digits>";
  const algorithm = text.slice(0, colon);
  const hex = text.slice(colon + 1);
  if (!Object.hasOwn(HEX_LENGTH, algorithm)) {
    return GRAMMAR.test(text) ? `unsupported algorithm ${JSON.stringify(algorithm)}` : "malformed";
  }
  const length = HEX_LENGTH[algorithm as DigestAlgorithm];
  if (hex.length !== length) return `${algorithm} has ${length} hex digits, this has ${hex.length}`;
  if (!/^[0-9a-f]+$/.test(hex)) return "only the hex digits 0-9 and a-f may follow the colon";
  return undefined;
}

/** The part before the colon. */
export function digestAlgorithm(digest: Digest): DigestAlgorithm {
  return digest.slice(0, digest.indexOf(":")) as DigestAlgorithm;
}

/** The part after the colon. */
export function digestHex(digest: Digest): string {
  return digest.slice(digest.indexOf(":") + 1);
}

/** The first twelve hex digits, as tables show ids. */
export function shortDigest(digest: Digest): string {
  return digestHex(digest).slice(0, 12);
}

/** What content turned out to be, against what was promised. */
export interface ContentClaim {
  digest: Digest;
  /** Bytes. */
  size?: number | undefined;
}

/**
 * Throws DataLoss naming expected and actual when content is not what its descriptor says. The size is looked at
 * first: a short body is the commoner and plainer fault.
 */
export function verifyContent(subject: string, expected: ContentClaim, actual: ContentClaim): void {
  if (expected.size !== undefined && actual.size !== undefined && expected.size !== actual.size) {
    throw new WharfError("DataLoss", `size mismatch: expected ${expected.size} bytes, got ${actual.size}`, {
      operation: "verify content",
      subject,
    });
  }
  if (expected.digest !== actual.digest) {
    throw new WharfError("DataLoss", `digest mismatch: expected ${expected.digest}, got ${actual.digest}`, {
      operation: "verify content",
      subject,
    });
  }
}

function shorten(text: string): string {
  return text.length > 160 ? `${text.slice(0, 157)}...` : text;
}
