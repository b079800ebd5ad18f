// A seccomp profile that has been compiled before is not read again: its text is cut out of config.json unparsed, and names the
// program in the cache. Docker's default profile is two thirds of a config.json.
import { openCached, VERSION } from "../seccomp/cache.ts";
import { sha256 } from "../sys/hash.ts";

const KEY = '"seccomp":';
/** Stands where the profile stood, to see that it was linux.seccomp. */
export const CUT = "cut out";
/** What makes a profile more than a program: these are read. */
const MORE = ['"flags"', '"listener', '"SCMP_ACT_NOTIFY"', "\\"];

export interface KnownFilter {
  /** The program's name in the cache. */
  name: string;
  /** The program, open for reading; undefined when it is not there yet. */
  file: number | undefined;
  /** config.json without the profile, when the program is there. */
  rest: string;
}

/** Undefined when the profile cannot be told by its text alone: it is not there, written in an unusual way, or has flags. */
export function knownFilter(text: string, cache: string): KnownFilter | undefined {
  const at = native.find(text, KEY, 0);
  // a key written with escapes, or twice, is for the parser
  if (at < 0 || native.find(text, KEY, at + 1) >= 0 || native.find(text, "\\u", 0) >= 0) return undefined;
  const begin = at + KEY.length;
  const end = native.jsonEnd(text, begin);
  if (end < 0) return undefined;
  const profile = text.slice(begin, end);
  for (let i = 0; i < MORE.length; i++) if (native.find(profile, MORE[i]!, 0) >= 0) return undefined;
  const name = sha256(`text ${VERSION} ${profile}`);
  const file = openCached(cache, name);
  return { name, file, rest: `${text.slice(0, begin)}{"defaultAction":"${CUT}"}${text.slice(end)}` };
}
