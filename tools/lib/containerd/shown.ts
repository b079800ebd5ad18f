// What tests have been seen to send and receive of containerd's messages: `shown.txt`, written by tools/containerd-fields.ts.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../native.ts";

const SHOWN_FILE = join(ROOT, "tools/lib/containerd/shown.txt");

/** Each field, `full.name.of.Message.field`, with the test that shows it, `FILE: TITLE`. */
export type Shown = ReadonlyMap<string, string>;

/** A test stands at the beginning of its line; what it shows follows, `MESSAGE FIELD…` a line. */
export function readShown(text = readFileSync(SHOWN_FILE, "utf8")): Shown {
  const shown = new Map<string, string>();
  let test = "";
  for (const line of text.split("\n")) {
    if (!line.startsWith(" ")) test = line;
    const [message, ...fields] = line.trim().split(" ");
    if (line.startsWith(" ")) for (const field of fields) shown.set(`${message}.${field}`, test);
  }
  return shown;
}

export function claimsOf(shown: Shown, test: string): string[] {
  return [...shown].filter(([, one]) => one === test).map(([field]) => field);
}

export function writeShown(shown: Shown): void {
  const lines: string[] = [];
  for (const test of [...new Set(shown.values())].sort()) {
    lines.push(test);
    const byMessage = Map.groupBy(claimsOf(shown, test).sort(), (field) => field.slice(0, field.lastIndexOf(".")));
    for (const [message, fields] of byMessage)
      lines.push(`  ${message} ${fields.map((one) => one.slice(message.length + 1)).join(" ")}`);
  }
  writeFileSync(SHOWN_FILE, `${lines.join("\n")}\n`);
}
