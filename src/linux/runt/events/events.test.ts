// The numbers behind runc's JSON: what cgroup files say, 64 bits wide, and resctrl's.

import { listOf } from "../../cgroup/stats/files.ts";
import { noStats } from "../../cgroup/stats/stats.ts";
import { parseBlkio } from "../../cgroup/stats/v1.ts";
import { parseIo, parsePressure } from "../../cgroup/stats/v2.ts";
import { AT_REMOVEDIR, DT_DIR, mkdirs, readDir, unlink, writeFile } from "../../sys/fs.ts";
import { environment } from "../../sys/process.ts";
import { equal, ok, test } from "../../testing.ts";
import { oomEvent, statsEvent, toJson } from "./json.ts";
import { rdtStats } from "./rdt.ts";

test("toJson() writes 64-bit numbers exactly, and leaves out what is undefined", () => {
  equal(
    toJson({ a: 18446744073709551615n, b: undefined, c: [1, "x", null, true], "d\n": {} }),
    '{"a":18446744073709551615,"c":[1,"x",null,true],"d\\n":{}}',
  );
});

test("statsEvent() has Go's rules: zeros with omitempty go, others stay", () => {
  const text = statsEvent("id", noStats(), undefined);
  const { data } = JSON.parse(text);
  equal(data.cpu, { usage: { kernel: 0, user: 0 }, throttling: {} });
  equal(data.memory.usage, { limit: 0, failcnt: 0 });
  equal(data.pids, {});
  equal(data.blkio, {});
  equal(data.cpuset.sched_relax_domain_level, 0);
  ok(text.endsWith('"hugetlb":{},"intel_rdt":{},"network_interfaces":null}}'), text);
  equal(oomEvent("id"), '{"type":"oom","id":"id"}');
});

test("parsePressure(): averages and totals; a kernel without it has none", () => {
  const text =
    "some avg10=1.50 avg60=0.20 avg300=0.00 total=123456789012345678\nfull avg10=0.10 avg60=0.00 avg300=0.00 total=5";
  equal(parsePressure(text)?.some, { avg10: 1.5, avg60: 0.2, avg300: 0, total: 123456789012345678n });
  equal(parsePressure(text)?.full.total, 5n);
  equal(parsePressure(undefined), undefined);
});

test("parseIo() and parseBlkio(): one entry a device and direction", () => {
  const tables = parseIo("8:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=0 dios=0\n\n254:1 rbytes=3");
  equal(
    tables.ioServiceBytesRecursive?.map(({ major, op, value }) => [major, op, value]),
    [
      [8n, "Read", 10n],
      [8n, "Write", 20n],
      [254n, "Read", 3n],
    ],
  );
  equal(tables.ioServicedRecursive?.length, 2);
  equal(
    parseBlkio("8:0 Read 5\n8:0 Total 5\n8:16 7\nTotal 12").map(({ minor, op, value }) => [minor, op, value]),
    [
      [0n, "Read", 5n],
      [0n, "Total", 5n],
      [16n, "", 7n],
    ],
  );
});

test("listOf(): lists of processors", () => {
  equal(listOf("0-2,5"), [0, 1, 2, 5]);
  equal([listOf(""), listOf(undefined)], [[], []]);
});

function removeTree(folder: string): void {
  for (const { name, type } of readDir(folder)) {
    if (type === DT_DIR) removeTree(`${folder}/${name}`);
    else unlink(`${folder}/${name}`);
  }
  unlink(folder, AT_REMOVEDIR);
}

test("rdtStats(): schemata, what the machine can, and monitoring of the container's own group", () => {
  const root = `${environment().get("TMPDIR") ?? "/tmp"}/rdt`;
  using _end = { [Symbol.dispose]: () => removeTree(root) };
  const group = `${root}/box/mon_groups/box`;
  for (const folder of [`${root}/info/L3`, `${root}/info/L3_MON`, `${group}/mon_data/mon_L3_00`]) mkdirs(folder);
  const files = {
    "info/L3/cbm_mask": "fff",
    "info/L3/min_cbm_bits": "1",
    "info/L3/num_closids": "16",
    "info/L3_MON/mon_features": "llc_occupancy\nmbm_total_bytes",
    schemata: "L3:0=fff",
    "box/schemata": "    L3:0=0ff",
    "box/mon_groups/box/mon_data/mon_L3_00/llc_occupancy": "4096",
    "box/mon_groups/box/mon_data/mon_L3_00/mbm_total_bytes": "99",
  };
  for (const [name, text] of Object.entries(files)) writeFile(`${root}/${name}`, `${text}\n`, 0o600);
  const stats = rdtStats({ folder: `${root}/box`, made: [group] }, root);
  equal(stats.l3_cache_info, { cbm_mask: "fff", min_cbm_bits: 1n, num_closids: 16n });
  equal([stats.l3_cache_schema_root, stats.l3_cache_schema, stats.mem_bw_info], ["L3:0=fff", "L3:0=0ff", undefined]);
  equal(
    [stats.cmt_stats, stats.mbm_stats],
    [[{ llc_occupancy: 4096n }], [{ mbm_total_bytes: 99n, mbm_local_bytes: 0n }]],
  );
});
