// The rows of `search`: docker's fields and headings.
import { ellipsis } from "../width.ts";
import type { RowKind } from "./write.ts";

export interface SearchResult {
  readonly name: string;
  readonly description: string;
  readonly star_count: number;
  readonly is_official: boolean;
  readonly is_automated?: boolean;
}

export const SEARCH_TABLE = "table {{.Name}}\t{{.Description}}\t{{.StarCount}}\t{{.IsOfficial}}";

export function searchRows(truncate: boolean): RowKind<SearchResult> {
  return {
    type: "*registry.searchContext",
    headers: {
      Name: "NAME",
      Description: "DESCRIPTION",
      StarCount: "STARS",
      IsOfficial: "OFFICIAL",
      IsAutomated: "AUTOMATED",
    },
    fields: (result) => ({
      Name: result.name,
      Description: () => {
        const text = result.description.replace(/[\r\n]/g, " ");
        return truncate ? ellipsis(text, 45) : text;
      },
      StarCount: String(result.star_count),
      IsOfficial: result.is_official ? "[OK]" : "",
      IsAutomated: result.is_automated ? "[OK]" : "",
    }),
  };
}
