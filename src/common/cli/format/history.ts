// The rows of `history`: docker's fields, headings and default format.
import { humanDuration, humanSize } from "../units.ts";
import { ellipsis } from "../width.ts";
import { type Clock, rfc3339, shortId } from "./time.ts";
import type { RowKind } from "./write.ts";

/** A step in the answer of GET /images/{name}/history. */
export interface HistoryItem {
  readonly Id: string;
  /** Seconds since the epoch. */
  readonly Created: number;
  readonly CreatedBy: string;
  readonly Size: number;
  readonly Comment: string;
}

const AGE = "{{if .CreatedSince}}{{.CreatedSince}}{{else}}N/A{{end}}";

export function historyFormat(source: string, quiet: boolean, human: boolean): string {
  if (source !== "" && source !== "table") return source;
  if (quiet) return "{{.ID}}";
  return `table {{.ID}}\t${human ? AGE : "{{.CreatedAt}}"}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}`;
}

export function historyRows(options: { truncate: boolean; human: boolean; clock: Clock }): RowKind<HistoryItem> {
  const { truncate, human, clock } = options;
  return {
    type: "*formatter.historyContext",
    headers: {
      ID: "IMAGE",
      CreatedSince: "CREATED",
      CreatedAt: "CREATED AT",
      CreatedBy: "CREATED BY",
      Size: "SIZE",
      Comment: "COMMENT",
    },
    fields: (step) => ({
      ID: truncate ? shortId(step.Id) : step.Id,
      CreatedAt: () => rfc3339(step.Created, clock),
      CreatedSince: () => (step.Created <= 0 ? "" : `${humanDuration(clock.now - step.Created)} ago`),
      CreatedBy: () => {
        const text = step.CreatedBy.replaceAll("\t", " ");
        return truncate ? ellipsis(text, 45) : text;
      },
      Size: () => (human ? humanSize(step.Size, 3) : String(step.Size)),
      Comment: step.Comment,
    }),
  };
}
