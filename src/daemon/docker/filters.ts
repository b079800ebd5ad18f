/** Filters that several operations have. */

import { WharfError } from "../../common/errors.ts";
import type { Filters } from "../http/query.ts";
import { labelMatches } from "./events.ts";

/** Whether labels meet the filters `label` and `label!`, of which each must hold. */
export function labelsPass(labels: Readonly<Record<string, string>>, filters: Filters): boolean {
  return (
    (filters.get("label") ?? []).every((wanted) => labelMatches(labels, wanted)) &&
    (filters.get("label!") ?? []).every((unwanted) => !labelMatches(labels, unwanted))
  );
}

/** InvalidArgument for a filter that is not one of `known`. */
export function checkFilters(filters: Filters, known: readonly string[], operation: string): void {
  for (const name of filters.keys()) {
    if (!known.includes(name)) throw new WharfError("InvalidArgument", `invalid filter '${name}'`, { operation });
  }
}
