/** The content store's rows. */

import type { Digest } from "../../../common/digest.ts";
import { WharfError } from "../../../common/errors.ts";
import { mapField } from "../../../common/filters.ts";
import type { Row } from "../../store/database.ts";
import type { ContentInfo, IngestStatus } from "../api/content.ts";
import { readLabels } from "../core/labels.ts";

export function readInfo(row: Row): ContentInfo {
  return {
    digest: row.digest as Digest,
    size: row.size as number,
    createdAt: row.created_at as string,
    updatedAt: row.updated_at as string,
    labels: readLabels(row.labels),
  };
}

export interface IngestRow {
  id: number;
  ref: string;
  total: number;
  expected: Digest | undefined;
  shared: Digest | undefined;
  mediaType: string;
  startedAt: string;
}

export function readIngest(row: Row): IngestRow {
  return {
    id: row.id as number,
    ref: row.ref as string,
    total: row.total as number,
    expected: (row.expected as Digest | null) ?? undefined,
    shared: (row.shared as Digest | null) ?? undefined,
    mediaType: row.media_type as string,
    startedAt: row.started_at as string,
  };
}

export function ingestStatus(row: IngestRow, offset: number, updatedAt: string): IngestStatus {
  const { ref, total, expected, startedAt } = row;
  return { ref, offset, total, expected, startedAt, updatedAt };
}

export function infoAdaptor(info: ContentInfo) {
  return (path: readonly string[]) => {
    if (path[0] === "digest") return info.digest;
    if (path[0] === "size") return String(info.size);
    return path[0] === "labels" ? mapField(path.slice(1), info.labels) : undefined;
  };
}

export function contentNotFound(digest: string): WharfError {
  return new WharfError("NotFound", `content ${digest} not found`, { subject: digest });
}

export function contentExists(digest: string): WharfError {
  return new WharfError("AlreadyExists", `content ${digest} already exists`, { subject: digest });
}

export function ingestNotFound(ref: string): WharfError {
  return new WharfError("NotFound", `ingest ${JSON.stringify(ref)} not found`, { subject: ref });
}
