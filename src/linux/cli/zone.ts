// The local time zone, from the system's zone files (RFC 8536).
import type { Clock } from "../../common/cli/format/time.ts";
import { readFile } from "../sys/fs.ts";
import { epochUs } from "../sys/time.ts";

interface Zone {
  readonly offsetSeconds: number;
  readonly name: string;
}

const UTC: Zone = { offsetSeconds: 0, name: "UTC" };

/** Now, and the zone that TZ or /etc/localtime names; UTC where neither can be read. */
export function localClock(env: ReadonlyMap<string, string>): Clock {
  let find: ((seconds: number) => Zone) | undefined;
  return {
    now: epochUs() / 1e6,
    zone: (seconds) => {
      find ??= load(env.get("TZ"));
      return find(seconds);
    },
  };
}

function load(tz: string | undefined): (seconds: number) => Zone {
  if (tz === "" || tz === "UTC") return () => UTC;
  const name = tz?.replace(/^:/, "");
  const path = name === undefined ? "/etc/localtime" : name.startsWith("/") ? name : `/usr/share/zoneinfo/${name}`;
  try {
    return parseZoneFile(readFile(path));
  } catch {
    return () => UTC;
  }
}

interface Header {
  readonly version: number;
  readonly isUt: number;
  readonly isStd: number;
  readonly leap: number;
  readonly times: number;
  readonly types: number;
  readonly chars: number;
}

const HEADER = 44;

function header(view: DataView, at: number): Header {
  const n = (i: number) => view.getUint32(at + 20 + i * 4);
  return { version: view.getUint8(at + 4), isUt: n(0), isStd: n(1), leap: n(2), times: n(3), types: n(4), chars: n(5) };
}

function parseZoneFile(file: Uint8Array): (seconds: number) => Zone {
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  if (native.utf8(file, 0, 4) !== "TZif") throw new Error("no zone file");
  let at = 0;
  let h = header(view, 0);
  let wide = 4;
  if (h.version >= 0x32) {
    // The second block has 64-bit times.
    at = HEADER + h.times * 5 + h.types * 6 + h.chars + h.leap * 8 + h.isStd + h.isUt;
    h = header(view, at);
    wide = 8;
  }
  const times = at + HEADER;
  const indexes = times + h.times * wide;
  const types = indexes + h.times;
  const chars = types + h.types * 6;
  const zone = (index: number): Zone => {
    const type = types + index * 6;
    const start = chars + view.getUint8(type + 5);
    let end = start;
    while (view.getUint8(end) !== 0) end++;
    return { offsetSeconds: view.getInt32(type), name: native.utf8(file, start, end - start) };
  };
  const time = (i: number) => (wide === 8 ? Number(view.getBigInt64(times + i * 8)) : view.getInt32(times + i * 4));
  return (seconds) => {
    let last = -1;
    for (let i = 0; i < h.times && time(i) <= seconds; i++) last = i;
    return last >= 0 ? zone(view.getUint8(indexes + last)) : zone(0);
  };
}
