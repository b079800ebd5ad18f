/** The ingests that are being written now. */

import type { IngestStatus } from "../api/content.ts";

/** What others than its client may ask of an open writer. */
export interface OpenWriter {
  readonly ref: string;
  /** Bytes of the ingest's file that may be read. */
  readonly readable: number;
  status(): IngestStatus;
  /** From its close on: resolves when the ingest is free again. */
  readonly closing: Promise<void> | undefined;
  close(): Promise<void>;
}

/** By row id of the ingest, shared by all clients of one core; undefined while it is being opened. */
export type OpenWriters = Map<number, OpenWriter | undefined>;
