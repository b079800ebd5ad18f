/** What the suites share: a core under test, small helpers. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { type Code, WharfError } from "../../../common/errors.ts";
import type { ContentStore } from "../api/content.ts";
import type { Descriptor, Digest } from "../api/types.ts";
import type { Containerd } from "../api.ts";

/** One implementation under test, fresh and empty. */
export interface Subject extends AsyncDisposable {
  client(namespace: string): Containerd;
}

/** Makes a subject; called for each test. */
export interface SubjectFactory {
  (): Promise<Subject>;
  /** Tests that this implementation cannot pass, by title, with the reason. */
  except?: Readonly<Record<string, string>>;
}

/** For `test()`: says why a test is left out. */
export function skipped({ except }: SubjectFactory, title: string): { skip: string | false } {
  return { skip: except?.[title] ?? false };
}

export async function rejects(promise: Promise<unknown>, ...codes: Code[]): Promise<WharfError> {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof WharfError, `a WharfError, not ${String(error)}`);
    assert.ok(codes.includes(error.code), `${error.code} instead of ${codes.join(" or ")}: ${error.message}`);
    return error;
  }
  assert.fail(`no error, ${codes.join(" or ")} was expected`);
}

export function sha256(data: Uint8Array): Digest {
  return `sha256:${createHash("sha256").update(data).digest("hex")}`;
}

/** Bytes that differ with the seed. */
export function bytesOf(length: number, seed = 1): Uint8Array {
  const data = new Uint8Array(length);
  for (let i = 0, x = seed; i < length; i++) {
    x = (Math.imul(x, 1103515245) + 12345) >>> 0;
    data[i] = x >>> 16;
  }
  return data;
}

export async function put(
  content: ContentStore,
  data: Uint8Array,
  labels: Record<string, string> = {},
  mediaType = "application/octet-stream",
): Promise<Descriptor> {
  const digest = sha256(data);
  await using writer = await content.writer({ ref: `put-${digest}`, size: data.length, digest });
  // Another namespace's bytes need not be written again.
  await writer.write(data.subarray(writer.status().offset));
  await writer.commit({ size: data.length, digest, labels });
  return { mediaType, digest, size: data.length };
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

export async function readAll(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  return Buffer.concat(await collect(chunks));
}

/** Runs a collection and waits for it, with the means of the interface alone. */
export async function collectGarbage(client: Containerd): Promise<void> {
  const lease = await client.leases.create();
  await client.leases.delete(lease.id, { sync: true });
}
