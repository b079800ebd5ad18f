// Reading a bundle: config.json with the checks that decide whether it can be carried out at all.
import { WharfError } from "../../common/errors.ts";
import type { Spec } from "../../common/oci/runtime.ts";
import { CONFIG_SHAPE, faultOf } from "../../common/oci/runtime-shape.ts";
import { join } from "../../common/path.ts";
import { isErrno } from "../sys/call.ts";
import { readText } from "../sys/fs.ts";
import { invalid, validate } from "./validate.ts";

export interface Bundle {
  path: string;
  rootfs: string;
  spec: Spec;
}

export function readBundle(path: string): Bundle {
  const file = `${path}/config.json`;
  let text: string;
  try {
    text = readText(file);
  } catch (cause) {
    if (!isErrno(cause, "ENOENT", "ENOTDIR")) throw cause;
    throw new WharfError("NotFound", `JSON specification file ${file} not found`, {
      cause,
      hint: "make one with: runt spec",
    });
  }
  let spec: Spec;
  try {
    spec = JSON.parse(text) as Spec;
  } catch (cause) {
    throw new WharfError("InvalidArgument", `${file} is not valid JSON`, { cause });
  }
  const fault = faultOf(CONFIG_SHAPE, spec);
  if (fault) throw invalid(fault.path === "" ? file : fault.path.slice(1), fault.why);
  validate(spec);
  const rootfs = spec.root!.path.startsWith("/") ? spec.root!.path : join(path, spec.root!.path);
  return { path, rootfs, spec };
}
