// Where a shim listens. Containers of one group (a pod) get the same address, and so the same shim.
import { join } from "../../common/path.ts";
import { SHIM_GROUPS } from "../../common/shim.ts";
import { exists, readText } from "../sys/fs.ts";
import { stateFolder } from "./runtimes.ts";

/** A unix socket's path has at most 107 bytes. */
const MAX_PATH = 107;
const FALLBACK = "/run/containerd";
const SHA256_CONTEXT = 112;

/** The folder of the sockets, and the socket's path. */
export interface ShimPlace {
  folder: string;
  path: string;
}

/** The group of a container, by its annotations; without one it is alone. */
export function groupOf(annotations: Readonly<Record<string, string>> | undefined, id: string): string {
  for (const name of SHIM_GROUPS) {
    const group = annotations?.[name];
    if (group) return group;
  }
  return id;
}

/** False when the container is alone for certain; the specification is not read as a whole. */
export function mayHaveGroup(bundle: string): boolean {
  const path = `${bundle}/config.json`;
  if (!exists(path)) return false;
  const text = readText(path);
  // a name may be written with escapes
  return text.includes("\\u") || SHIM_GROUPS.some((name) => text.includes(name));
}

function sha256(text: string): string {
  const bytes = native.bytes(text);
  const context = new Uint8Array(SHA256_CONTEXT);
  const digest = new Uint8Array(32);
  native.call(native.symbol("SHA256_Init"), context);
  native.call(native.symbol("SHA256_Update"), context, bytes, bytes.length);
  native.call(native.symbol("SHA256_Final"), digest, context);
  let hex = "";
  for (const byte of digest) hex += (byte + 256).toString(16).slice(1);
  return hex;
}

export function socketPath(daemonAddress: string, namespace: string, group: string, folder?: string): ShimPlace {
  const name = sha256(`${daemonAddress}/${namespace}/${group}`);
  for (const place of [folder ?? join(stateFolder(daemonAddress), "s"), `${FALLBACK}/s`]) {
    const path = join(place, name);
    if (path.length <= MAX_PATH) return { folder: place, path };
  }
  throw new Error("unreachable: the fallback is short");
}
