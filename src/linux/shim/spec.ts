// What the shim has to know of a bundle's config.json. Parsing leaves much behind: only for processes of short life.
import { WharfError } from "../../common/errors.ts";
import { isErrno } from "../sys/call.ts";
import { readText } from "../sys/fs.ts";

interface Spec {
  hostname?: string;
  annotations?: Record<string, string>;
  linux?: {
    namespaces?: { type?: string; path?: string }[];
    sysctl?: Record<string, string>;
    cgroupsPath?: string;
  };
}

/** NotFound, InvalidArgument. */
export function readSpec(bundle: string): Spec {
  const path = `${bundle}/config.json`;
  const text = readText(path);
  try {
    return JSON.parse(text) as Spec;
  } catch (cause) {
    throw new WharfError("InvalidArgument", `${path} is not JSON`, { cause });
  }
}

/** Undefined for a bundle without one: a sandbox may have none. */
export function readSpecIfThere(bundle: string): Spec | undefined {
  try {
    return readSpec(bundle);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

/** No pid namespace of its own: at the init process's end the others have to be killed. */
export function sharesPids(bundle: string): boolean {
  const { linux } = readSpec(bundle);
  return !linux?.namespaces?.some(({ type, path }) => type === "pid" && !path);
}
