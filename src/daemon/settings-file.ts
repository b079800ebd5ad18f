/** Reading a file of settings: TOML after a schema, with the line of what is wrong. */

import { check, type Schema } from "../common/docker/schema.ts";
import { WharfError } from "../common/errors.ts";
import { lineOf, parseToml } from "../common/toml.ts";

/** Runs `body`; what it throws is told as a fault of the file. */
export function within<T>(path: string, what: string, body: () => T): T {
  try {
    return body();
  } catch (cause) {
    throw new WharfError("InvalidArgument", `the ${what} ${JSON.stringify(path)} is wrong`, {
      operation: "read configuration",
      subject: path,
      cause,
    });
  }
}

/** Like `check`, and refuses settings that are not known unless it is to be tolerant; both say on which line. */
export function checked(schema: Schema, text: string, unknown: "refused" | "tolerant" = "refused"): unknown {
  const value = parseToml(text);
  if (unknown === "refused") refuseUnknown(schema, value, [], text);
  try {
    return check(schema, value, "the file");
  } catch (cause) {
    const error = WharfError.from(cause);
    const path = (error.subject ?? "").split(/[.[]/);
    throw new WharfError(error.code, `line ${lineOf(text, path)}: ${error.message}`, { subject: error.subject });
  }
}

function refuseUnknown(schema: Schema, value: unknown, path: readonly string[], text: string): void {
  if (schema.kind === "optional") {
    refuseUnknown(schema.of, value, path, text);
    return;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return;
  for (const [key, one] of Object.entries(value)) {
    const here = [...path, key];
    if (schema.kind === "map") refuseUnknown(schema.of, one, here, text);
    if (schema.kind !== "object") continue;
    const field = schema.fields[key];
    if (!field) throw fault(text, here, "is not known");
    refuseUnknown(field, one, here, text);
  }
}

/** InvalidArgument with the line of the setting. */
export function fault(text: string, path: readonly string[], why: string): WharfError {
  return new WharfError("InvalidArgument", `line ${lineOf(text, path)}: the setting ${path.join(".")} ${why}`);
}
