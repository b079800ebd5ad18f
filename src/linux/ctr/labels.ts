// KEY=VALUE words on the command line, and labels in tables.
import { cut } from "../../common/cli/flags.ts";

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
