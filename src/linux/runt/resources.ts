// Limits that are given by themselves, for an update.
import { WharfError } from "../../common/errors.ts";
import type { LinuxResources } from "../../common/oci/runtime.ts";
import { RESOURCES_SHAPE } from "../../common/oci/runtime-shape.ts";
import { checker } from "../sys/shape.ts";

const faultOf = checker(RESOURCES_SHAPE);

/** `where`: what the text is, for the error. InvalidArgument. */
export function parseResources(text: string, where: string): LinuxResources {
  let resources: unknown;
  try {
    resources = JSON.parse(text);
  } catch (cause) {
    throw new WharfError("InvalidArgument", `${where} is not valid JSON`, { cause });
  }
  if (typeof resources !== "object" || resources === null || Array.isArray(resources))
    throw new WharfError("InvalidArgument", `${where} does not hold an object`);
  const fault = faultOf(resources);
  if (fault) throw new WharfError("InvalidArgument", `${where}: ${fault.path.slice(1)}: ${fault.why}`);
  return resources;
}
