import { goTime } from "../../common/cli/format/time.ts";
import { mkdirs, unlinkIfThere, writeFile } from "../sys/fs.ts";
import { getpid } from "../sys/process.ts";
import { equal, test } from "../testing.ts";
import { localClock } from "./zone.ts";

/** A zone file of version 1 data and 64-bit data: UTC+1 from the beginning, UTC+2 from second 1000 on. */
function zoneFile(): Uint8Array {
  const block = (wide: number) => {
    const data = new Uint8Array(44 + wide + 1 + 12 + 10);
    const view = new DataView(data.buffer);
    data.set(native.bytes("TZif2"));
    for (const [i, count] of [0, 0, 0, 1, 2, 10].entries()) view.setUint32(20 + i * 4, count);
    if (wide === 8) view.setBigInt64(44, 1000n);
    else view.setInt32(44, 1000);
    data[44 + wide] = 1;
    const types = 44 + wide + 1;
    view.setInt32(types, 3600);
    view.setInt32(types + 6, 7200);
    data[types + 11] = 4;
    data.set(native.bytes("CET\0CEST\0\0"), types + 12);
    return data;
  };
  const [old, wide] = [block(4), block(8)];
  const file = new Uint8Array(old.length + wide.length);
  file.set(old);
  file.set(wide, old.length);
  return file;
}

test("localClock() reads zone files", () => {
  const dir = `/tmp/wt-zone-${getpid()}`;
  mkdirs(dir);
  const path = `${dir}/zone`;
  writeFile(path, zoneFile());
  const clock = localClock(new Map([["TZ", path]]));
  equal(goTime(0, clock), "1970-01-01 01:00:00 +0100 CET");
  equal(goTime(1000, clock), "1970-01-01 02:16:40 +0200 CEST");
  unlinkIfThere(path);
  native.syscall(84, dir);
});

test("localClock() without a zone is UTC", () => {
  for (const tz of ["UTC", "", "/nonexistent", "No/Such_Zone"]) {
    equal(goTime(1_700_000_000, localClock(new Map([["TZ", tz]]))), "2023-11-14 22:13:20 +0000 UTC", tz);
  }
});
