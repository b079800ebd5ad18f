/** Labels, identifiers and field paths: the checks and updates all services share. */

import { WharfError } from "../../../common/errors.ts";
import { encodeUtf8 } from "../../../common/utf8.ts";
import type { Labels } from "../api/types.ts";

/** Bytes of a label's key and value together (containerd, pkg/labels). */
const LABEL_LIMIT = 4096;
/** containerd, pkg/identifiers. */
const IDENTIFIER = /^[A-Za-z0-9]+(?:[._-][A-Za-z0-9]+)*$/;
const IDENTIFIER_LIMIT = 76;

/** The labels, checked, without those that have no value: an empty one takes a label away. InvalidArgument. */
export function checkLabels(labels: Labels = {}): Labels {
  const checked: Labels = {};
  for (const [key, value] of Object.entries(labels)) {
    if (value === undefined) continue;
    if (key === "") throw new WharfError("InvalidArgument", "the key of a label is empty");
    if (typeof value !== "string") throw new WharfError("InvalidArgument", `label ${JSON.stringify(key)} is not text`);
    // Three bytes a character at most: most labels need no counting.
    if ((key.length + value.length) * 3 > LABEL_LIMIT && encodeUtf8(key + value).length > LABEL_LIMIT) {
      throw new WharfError(
        "InvalidArgument",
        `label ${JSON.stringify(key.slice(0, 64))} is too long: key and value may have ${LABEL_LIMIT} bytes together`,
      );
    }
    if (value !== "") checked[key] = value;
  }
  return checked;
}

/** Throws InvalidArgument unless `id` is 1 to 76 letters and digits with single dots, underscores and dashes between them. */
export function checkIdentifier(id: string, what: string): void {
  if (id.length === 0) throw new WharfError("InvalidArgument", `the ${what} is empty`);
  if (id.length > IDENTIFIER_LIMIT) {
    const short = JSON.stringify(`${id.slice(0, 40)}…`);
    throw new WharfError("InvalidArgument", `the ${what} ${short} is longer than ${IDENTIFIER_LIMIT} characters`);
  }
  if (!IDENTIFIER.test(id)) {
    throw new WharfError(
      "InvalidArgument",
      `the ${what} ${JSON.stringify(id)} may only have letters and digits, and single dots, underscores and dashes between them`,
    );
  }
}

/** Says InvalidArgument for a field that cannot be changed. */
export function immutableField(path: string, what: string): WharfError {
  return new WharfError("InvalidArgument", `cannot update field ${JSON.stringify(path)} of ${what}`);
}

/**
 * The map after an update of the field `path` (`labels`, `labels.<key>`; `name` is `labels` there), or undefined when
 * the path means another field.
 */
export function updateMap<T>(
  path: string,
  name: string,
  before: Readonly<Record<string, T>>,
  given: Readonly<Record<string, T>> = {},
): Record<string, T> | undefined {
  if (path === name) return { ...given };
  if (!path.startsWith(`${name}.`)) return undefined;
  const key = path.slice(name.length + 1);
  const after = { ...before };
  const value = Object.hasOwn(given, key) ? given[key] : undefined;
  if (value === undefined) delete after[key];
  else after[key] = value;
  return after;
}

/** Labels after an update where they are all that can change. */
export function updateLabels(what: string, before: Labels, given: Labels, paths: readonly string[] = []): Labels {
  if (paths.length === 0) return checkLabels(given);
  let labels = before;
  for (const path of paths) {
    const next = updateMap(path, "labels", labels, given);
    if (!next) throw immutableField(path, what);
    labels = next;
  }
  return checkLabels(labels);
}

/** A JSON column. */
export function readLabels(column: unknown): Labels {
  return column === "{}" ? {} : (JSON.parse(column as string) as Labels);
}
