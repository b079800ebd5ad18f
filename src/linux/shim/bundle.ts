// The files that a shim keeps in a bundle, for itself and for its `delete` after its death.
import { WharfError } from "../../common/errors.ts";
import { Options } from "../../common/gen/containerd/runc/options.ts";
import type { Any } from "../../common/gen/google/protobuf/any.ts";
import { anyName } from "../../common/protobuf/any.ts";
import { decode } from "../../common/protobuf/codec.ts";
import { isErrno } from "../sys/call.ts";
import { readText, writeFile } from "../sys/fs.ts";

const NOTHING = new Uint8Array(0);

/** The runtime options that came with Create. Other types are refused: what they ask for would be ignored. */
export function readOptions(any: Any | undefined): Options {
  if (!any || any.value.length === 0) return decode(Options, NOTHING);
  const name = anyName(any);
  if (name === Options.typeName) return decode(Options, any.value);
  // containerd's catch-all carries a path or text for runtimes that have a configuration; runt has none
  if (name === "runtimeoptions.v1.Options") return decode(Options, NOTHING);
  throw new WharfError("InvalidArgument", `runtime options of type ${JSON.stringify(any.typeUrl)}`, {
    hint: `runt takes ${Options.typeName}`,
  });
}

/** What is needed to clean up after a dead shim. */
export interface BundleRecord {
  /** "" for runt. */
  binary: string;
  root: string;
  systemdCgroup: boolean;
}

const RECORD = "shim.json";

export function writeRecord(bundle: string, record: BundleRecord): void {
  writeFile(`${bundle}/${RECORD}`, JSON.stringify(record), 0o600);
}

/** Undefined when no container was ever created. */
export function readRecord(bundle: string): BundleRecord | undefined {
  try {
    return JSON.parse(readText(`${bundle}/${RECORD}`)) as BundleRecord;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

const SANDBOX = "sandbox.json";

/** What a sandbox has beyond its process: its group; "" for none. */
export function writeSandbox(bundle: string, cgroup: string): void {
  writeFile(`${bundle}/${SANDBOX}`, JSON.stringify({ cgroup }), 0o600);
}

/** The group of the sandbox that the bundle is of; "" for none, and for a container's. */
export function readSandbox(bundle: string): string {
  try {
    return (JSON.parse(readText(`${bundle}/${SANDBOX}`)) as { cgroup: string }).cgroup;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return "";
    throw error;
  }
}
