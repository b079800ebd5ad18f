// Writes down which fields of containerd's messages tests show, from a file that they have made: `WHARF_FIELDS=FILE tools/node tools/test.ts TEST…`,
// several times, then `tools/node tools/containerd-fields.ts FILE`. The tests fail when what is written down is not so.
import { readFileSync } from "node:fs";
import { apiFields } from "./lib/containerd/api-fields.ts";
import { type Shown, writeShown } from "./lib/containerd/shown.ts";
import { FIELD_LEDGER, wholeMessage } from "./lib/containerd-field-ledger.ts";

interface Run {
  key: string;
  seen: string[];
}

/** What each test had in every one of its runs. */
export function always(runs: readonly Run[]): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>();
  for (const { key, seen } of runs) {
    const before = found.get(key);
    found.set(key, before ? before.intersection(new Set(seen)) : new Set(seen));
  }
  return found;
}

/** One test for each field, and few tests: who shows most comes first. */
export function assign(found: ReadonlyMap<string, ReadonlySet<string>>, wanted: readonly string[]): Shown {
  const left = new Set(wanted);
  const shown = new Map<string, string>();
  for (;;) {
    const news = [...found].map(([key, seen]) => ({ key, fields: left.intersection(seen) }));
    const best = news.reduce((a, b) => (b.fields.size > a.fields.size ? b : a), { key: "", fields: new Set<string>() });
    if (best.fields.size === 0) return shown;
    for (const field of best.fields) {
      left.delete(field);
      shown.set(field, best.key);
    }
  }
}

if (import.meta.main) {
  const runs = readFileSync(process.argv[2]!, "utf8").trim().split("\n");
  const wanted = (await apiFields()).map(({ own }) => own);
  const found = always(runs.map((line) => JSON.parse(line) as Run));
  writeShown(
    assign(
      found,
      // a running container's figures may be zero, and are then not there
      wanted.filter((field) => !(field in FIELD_LEDGER) && !wholeMessage(field)),
    ),
  );
}
