// Reading a bundle: config.json with the checks that decide whether it can be carried out at all.
import { WharfError } from "../../common/errors.ts";
import type { Spec } from "../../common/oci/runtime.ts";
import { CONFIG_SHAPE, faultOf } from "../../common/oci/runtime-shape.ts";
import { join } from "../../common/path.ts";
import { isErrno } from "../sys/call.ts";
import { AT_FDCWD, close, readText } from "../sys/fs.ts";
import { fitter } from "../sys/shape.ts";
import { CUT, type KnownFilter, knownFilter } from "./known-filter.ts";
import { invalid, validate } from "./validate.ts";

const fits = fitter(CONFIG_SHAPE);

export interface Bundle {
  path: string;
  rootfs: string;
  spec: Spec;
  /** How the seccomp program is called, where its profile's text says so; linux.seccomp is empty when it is open already. */
  filter: KnownFilter | undefined;
}

/** Most fit in at once. */
const CONFIG_SIZE = 16384;

function parse(file: string, text: string): Spec {
  try {
    return JSON.parse(text) as Spec;
  } catch (cause) {
    throw new WharfError("InvalidArgument", `${file} is not valid JSON`, { cause });
  }
}

/** What runc says of a field, for callers that look for it. */
const SAID: readonly (readonly [path: string, words: string])[] = [
  [".linux.memoryPolicy.mode", "invalid memory policy mode"],
  [".linux.memoryPolicy.flags", "invalid memory policy flag"],
];

const isCut = (spec: Spec) => (spec.linux?.seccomp?.defaultAction as string | undefined) === CUT;

/** @param cache folder of compiled seccomp programs: a profile that is there is not read */
export function readBundle(path: string, cache?: string): Bundle {
  const file = `${path}/config.json`;
  let text: string;
  try {
    text = readText(file, AT_FDCWD, CONFIG_SIZE);
  } catch (cause) {
    if (!isErrno(cause, "ENOENT", "ENOTDIR")) throw cause;
    throw new WharfError("NotFound", `JSON specification file ${file} not found`, {
      cause,
      hint: "make one with: runt spec",
    });
  }
  let filter = cache === undefined ? undefined : knownFilter(text, cache);
  let spec = parse(file, filter?.file === undefined ? text : filter.rest);
  let known = fits(spec);
  if (filter && !(known && (filter.file === undefined || isCut(spec)))) {
    // what was cut out was something else of that name; or there is a field in another case, which may be the profile's
    if (filter.file !== undefined) close(filter.file);
    filter = undefined;
    spec = parse(file, text);
    known = fits(spec);
  }
  const fault = known ? undefined : faultOf(CONFIG_SHAPE, spec);
  if (fault) {
    const said = SAID.find(([path]) => fault.path.startsWith(path))?.[1];
    throw invalid(fault.path === "" ? file : fault.path.slice(1), said ? `${said}: ${fault.why}` : fault.why);
  }
  validate(spec);
  const rootfs = spec.root!.path.startsWith("/") ? spec.root!.path : join(path, spec.root!.path);
  return { path, rootfs, spec, filter };
}
