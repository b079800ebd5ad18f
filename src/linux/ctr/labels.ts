// KEY=VALUE words on the command line, and labels in tables.
import { cut } from "../../common/cli/flags.ts";
import type { Timestamp } from "../../common/gen/google/protobuf/timestamp.ts";
import { formatTimestamp } from "../../common/timestamp.ts";

/** A word without "=" means true. */
export function labelsOf(words: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    words.map((word) => {
      const [key, value = "true"] = cut(word, "=");
      return [key, value];
    }),
  );
}

/** Sorted, joined by commas; "-" for none. */
export function labelText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  return pairs.sort().join(",") || "-";
}

/** The field paths of an update that sets these labels. */
export function labelPaths(labels: Readonly<Record<string, string>>): string[] {
  return Object.keys(labels).map((key) => `labels.${key}`);
}

/** As Go writes times in JSON: no more digits than needed. */
export function shortTime(at: Timestamp): string {
  return formatTimestamp(at).replace(/\.?0+Z$/, "Z");
}

/** As Go prints a time. */
export function goTime(at: Timestamp | undefined): string {
  if (!at) return "";
  return formatTimestamp(at)
    .replace("T", " ")
    .replace(/(\.\d*?)0*Z$/, (_, digits: string) => `${digits === "." ? "" : digits} +0000 UTC`)
    .replace(/Z$/, " +0000 UTC");
}
