// The rows of `images`: docker's fields, headings and default formats.
import { familiarName, tryParseReference } from "../../reference.ts";
import { humanDuration, humanSize } from "../units.ts";
import { type Clock, goTime, shortId } from "./time.ts";
import type { RowKind } from "./write.ts";

/** An image in the answer of GET /images/json. */
export interface ImageSummary {
  readonly Id: string;
  readonly RepoTags?: readonly string[] | null;
  readonly RepoDigests?: readonly string[] | null;
  /** Seconds since the epoch. */
  readonly Created: number;
  readonly Size: number;
  readonly SharedSize?: number;
  readonly Containers?: number;
}

/** One line: an image under one name. */
export interface ImageRow {
  readonly image: ImageSummary;
  readonly repository: string;
  readonly tag: string;
  readonly digest: string;
}

const AGE = "{{if .CreatedSince }}{{.CreatedSince}}{{else}}N/A{{end}}";
const TABLE = `table {{.Repository}}\t{{.Tag}}\t{{.ID}}\t${AGE}\t{{.Size}}`;
const TABLE_DIGEST = `table {{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.ID}}\t${AGE}\t{{.Size}}`;

/** What a --format of `images` stands for. */
export function imageFormat(source: string, quiet: boolean, digests: boolean): string {
  if (source === "table" || source === "") return quiet ? "{{.ID}}" : digests ? TABLE_DIGEST : TABLE;
  if (source === "raw") {
    if (quiet) return "image_id: {{.ID}}";
    const digest = digests ? "digest: {{.Digest}}\n" : "";
    return `repository: {{ .Repository }}\ntag: {{.Tag}}\n${digest}image_id: {{.ID}}\ncreated_at: {{.CreatedAt}}\nvirtual_size: {{.Size}}\n`;
  }
  return source.startsWith("table") && digests && !source.includes("{{.Digest}}") ? `${source}\t{{.Digest}}` : source;
}

export function isDangling({ RepoTags, RepoDigests }: ImageSummary): boolean {
  const tags = (RepoTags ?? []).filter((tag) => tag !== "<none>:<none>");
  const digests = (RepoDigests ?? []).filter((digest) => digest !== "<none>@<none>");
  return tags.length === 0 && digests.length === 0;
}

/** The lines of one image: one a tag (and a digest, when those are shown), one a digest that has no tag. */
export function imageRowsOf(image: ImageSummary, digests: boolean): ImageRow[] {
  if (isDangling(image)) return [{ image, repository: "<none>", tag: "<none>", digest: "<none>" }];
  const tags = new Map<string, string[]>();
  const hashes = new Map<string, string[]>();
  const add = (map: Map<string, string[]>, key: string, value: string) =>
    map.set(key, [...(map.get(key) ?? []), value]);
  for (const text of image.RepoTags ?? []) {
    const reference = tryParseReference(text);
    if (reference?.tag !== undefined) add(tags, familiarName(reference), reference.tag);
  }
  for (const text of image.RepoDigests ?? []) {
    const reference = tryParseReference(text);
    if (reference?.digest !== undefined) add(hashes, familiarName(reference), reference.digest);
  }
  const rows: ImageRow[] = [];
  for (const [repository, names] of tags) {
    const own = digests ? (hashes.get(repository) ?? []) : [];
    hashes.delete(repository);
    for (const tag of names) {
      if (own.length === 0) rows.push({ image, repository, tag, digest: "<none>" });
      for (const digest of own) rows.push({ image, repository, tag, digest });
    }
  }
  for (const [repository, list] of hashes) {
    for (const digest of digests ? list : [""]) rows.push({ image, repository, tag: "<none>", digest });
  }
  return rows;
}

function orNothing(value: number | undefined): string {
  return value === undefined || value === -1 ? "N/A" : String(value);
}

export function imageRows(truncate: boolean, clock: Clock): RowKind<ImageRow> {
  return {
    type: "*formatter.imageContext",
    headers: {
      ID: "IMAGE ID",
      Repository: "REPOSITORY",
      Tag: "TAG",
      Digest: "DIGEST",
      CreatedSince: "CREATED",
      CreatedAt: "CREATED AT",
      Size: "SIZE",
      Containers: "CONTAINERS",
      VirtualSize: "SIZE",
      SharedSize: "SHARED SIZE",
      UniqueSize: "UNIQUE SIZE",
    },
    fields: ({ image, repository, tag, digest }) => {
      const { Size: size, SharedSize: shared = -1 } = image;
      return {
        ID: truncate ? shortId(image.Id) : image.Id,
        Repository: repository,
        Tag: tag,
        Digest: digest,
        CreatedSince: () => `${humanDuration(clock.now - image.Created)} ago`,
        CreatedAt: () => goTime(image.Created, clock),
        Size: () => humanSize(size, 3),
        Containers: () => orNothing(image.Containers),
        VirtualSize: () => humanSize(size),
        SharedSize: () => (shared === -1 ? "N/A" : humanSize(shared)),
        UniqueSize: () => (size === -1 || shared === -1 ? "N/A" : humanSize(size - shared)),
      };
    },
  };
}
