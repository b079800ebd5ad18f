// Every field of every message that containerd's API has, and the control groups' statistics, as the ledger has its rows.
import { camelCase } from "../../protogen.ts";
import { ownName, readApi } from "./api.ts";
import { ownApi } from "./own.ts";

export interface FieldRow {
  /** The full name of the message as it is defined. */
  message: string;
  /** As in the definition. */
  field: string;
  /** How it is named here: `full.name.of.Message.field`. */
  own: string;
}

export async function apiFields(): Promise<FieldRow[]> {
  const rows: FieldRow[] = [];
  const { messages } = readApi();
  for (const [message, fields] of messages)
    for (const { name } of fields) rows.push({ message, field: name, own: `${ownName(message)}.${camelCase(name)}` });
  for (const { typeName, fields } of (await ownApi()).messages.values()) {
    if (!typeName.startsWith("io.containerd.cgroups.")) continue;
    for (const { name } of fields) {
      const field = name.replace(/[A-Z]/g, (one) => `_${one.toLowerCase()}`);
      rows.push({ message: typeName, field, own: `${typeName}.${name}` });
    }
  }
  return rows;
}
