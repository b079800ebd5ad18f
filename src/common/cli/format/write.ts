// Rows by a format: "table", "table TEMPLATE", "json", "raw", or a Go template; as docker's --format.
import { WharfError } from "../../errors.ts";
import { HEADER_FUNCTIONS } from "../../template/functions.ts";
import { Template, TemplateError } from "../../template/template.ts";
import { Struct } from "../../template/values.ts";
import { alignTabs, DOCKER_TABLE, fitTable, type Priorities } from "../table.ts";

/** How the rows of one kind are written. */
export interface RowKind<T> {
  /** As docker's type, for errors about unknown fields. */
  readonly type: string;
  /** The heading of each field. */
  readonly headers: Readonly<Record<string, string>>;
  /** Field names and values of a row; functions are computed on use. */
  fields(row: T): Readonly<Record<string, unknown>>;
}

export interface WriteOptions extends Priorities {
  /** What --format gave, with the kind's default already put in place of "" and "table". */
  readonly format: string;
  /** Columns of the window a default table is fitted into; undefined: no limit. */
  readonly fit?: number | undefined;
}

/** `{{.Label "a.b-c"}}` as a heading: "b c". */
function labelHeader(name: unknown): string {
  return String(name).split(".").at(-1)!.replace(/[-_]/g, " ");
}

function parseTemplate(text: string, name = ""): Template {
  try {
    return new Template(text, { name });
  } catch (error) {
    throw templateFault(error);
  }
}

export function templateFault(error: unknown): unknown {
  if (!(error instanceof TemplateError)) return error;
  return new WharfError("InvalidArgument", `template parsing error: ${error.message}`, {
    hint: "a format is table, json or a Go template such as '{{.ID}} {{.Names}}'",
  });
}

/** The text of `rows`; ends with a line break unless it is empty. */
export function writeRows<T>(rows: readonly T[], kind: RowKind<T>, options: WriteOptions): string {
  const isTable = options.format.startsWith("table");
  let body = isTable ? options.format.slice("table".length) : options.format;
  if (options.format === "json") body = "{{json .}}";
  body = body
    .replace(/^ +| +$/g, "")
    .replaceAll("\\t", "\t")
    .replaceAll("\\n", "\n");
  const template = parseTemplate(body);
  try {
    const lines = rows.map((row) => template.execute(new Struct(kind.type, kind.fields(row))));
    if (!isTable) return lines.map((line) => `${line}\n`).join("");
    const header = template.execute(
      new Struct("formatter.SubHeaderContext", { ...kind.headers, Label: labelHeader }),
      HEADER_FUNCTIONS,
    );
    const text = [header, ...lines].join("\n");
    return `${options.fit === undefined ? alignTabs(text, DOCKER_TABLE) : fitTable(text, options.fit, options)}\n`;
  } catch (error) {
    throw templateFault(error);
  }
}
