/** The registry's part of containerd's transfer service: pull and push as transfers between a registry and the store. */

import { WharfError } from "../../common/errors.ts";
import { parsePlatform } from "../../common/oci/platform.ts";
import { parseReference } from "../../common/reference.ts";
import type { OciRegistry, RegistryAuth, StoredImage, TransferOptions } from "../containerd/api/transfer.ts";
import type { Labels } from "../containerd/api/types.ts";
import type { Containerd, Transferer } from "../containerd/api.ts";
import type { Log } from "../log.ts";
import type { Way } from "../registry/client.ts";
import type { CredentialSource, Credentials } from "../registry/credentials.ts";
import { hostPlatform } from "./platform.ts";
import type { Puller } from "./pull.ts";
import type { Pusher } from "./push.ts";
import { pullReporter, pushReporter, title } from "./reporter.ts";

/** To be given to `ContainerdCore.addTransferer`. */
export function registryTransferer(puller: Puller, pusher: Pusher, log: Log): Transferer {
  return (client, source, destination, options) => {
    if (source.type === "registry" && destination.type === "image-store")
      return pull(puller, log, client, source, destination, options);
    if (source.type === "image-store" && destination.type === "registry")
      return push(pusher, log, client, source, destination, options);
    return undefined;
  };
}

async function pull(
  puller: Puller,
  log: Log,
  client: Containerd,
  source: OciRegistry,
  destination: StoredImage,
  { signal, progress }: TransferOptions,
): Promise<void> {
  const way = await wayOf(source, log);
  const host = hostPlatform();
  const platforms = (destination.platforms ?? []).map((one) => parsePlatform(one, host));
  const unpacks = (destination.unpacks ?? []).map(({ platform, snapshotter }) => ({
    platform: platform === undefined ? host : parsePlatform(platform, host),
    snapshotter,
  }));
  const [unpack, ...further] = unpacks;
  const whole = (destination.extraReferences ?? []).filter(({ isPrefix }) => !isPrefix);
  if (destination.name === "" && whole.length === 0)
    throw new WharfError("NotFound", "no image name found", { operation: "pull image" });
  const reporter = progress && pullReporter(source.reference, progress);
  try {
    await puller.pull(source.reference, {
      client,
      name: destination.name === "" ? null : destination.name,
      furtherNames: ({ digest }) => whole.map(({ name, addDigest }) => (addDigest ? `${name}@${digest}` : name)),
      platform: unpack?.platform ?? platforms[0],
      also: destination.allPlatforms ? "all" : platforms,
      limit: destination.manifestLimit || undefined,
      allMetadata: destination.allMetadata,
      snapshotter: unpack?.snapshotter ?? null,
      unpacks: further,
      artifacts: true,
      credentials: credentialsOf(source),
      way,
      labels: destination.labels,
      signal,
      progress: reporter?.event,
    });
    progress?.({ event: `Completed pull from ${title(source)}`, name: "" });
    reporter?.finish();
  } finally {
    await source.debug?.flush?.();
  }
}

async function push(
  pusher: Pusher,
  log: Log,
  client: Containerd,
  source: StoredImage,
  destination: OciRegistry,
  { signal, progress }: TransferOptions,
): Promise<void> {
  const way = await wayOf(destination, log);
  const host = hostPlatform();
  const reporter = progress && pushReporter(source.name, destination.reference, progress);
  try {
    const pushed = await pusher.push(destination.reference, {
      client,
      image: source.name,
      platforms: source.platforms?.map((one) => parsePlatform(one, host)),
      credentials: credentialsOf(destination),
      way,
      signal,
      progress: reporter?.event,
    });
    progress?.({ event: "pushed content", name: source.name, desc: pushed.descriptor });
    progress?.({ event: `Completed push to ${title(destination)}`, name: "", desc: pushed.descriptor });
    reporter?.finish();
  } finally {
    await destination.debug?.flush?.();
  }
}

function credentialsOf({ auth }: OciRegistry): Credentials | CredentialSource | undefined {
  if (typeof auth !== "function") return auth && credentials(auth);
  return async (host) => {
    const given = await auth(host);
    return given && credentials(given);
  };
}

function credentials(auth: RegistryAuth): Credentials {
  if ("identityToken" in auth) return { identityToken: auth.identityToken };
  if ("username" in auth) return { username: auth.username, password: auth.secret };
  const [, scheme = "", value = ""] = /^(Bearer|Basic) +(\S+)$/i.exec(auth.header) ?? [];
  if (scheme.toLowerCase() === "bearer") return { registryToken: value };
  const [, username, password] = /^([^:]*):(.*)$/s.exec(Buffer.from(value, "base64").toString("utf8")) ?? [];
  if (username !== undefined && password !== undefined) return { username, password };
  throw new WharfError("Unimplemented", "credentials as a header: only Basic and Bearer are known", {
    operation: "transfer",
  });
}

/** How the registry is spoken to. A host directory stands in place of the configuration. */
async function wayOf({ reference, scheme, hostDir, headers, debug }: OciRegistry, log: Log): Promise<Way> {
  const way: Way = { scheme };
  if (headers) way.headers = checkedHeaders(headers);
  if (debug) {
    const dump = debug.dump ?? ((text: string) => log("info", "registry", { http: text }));
    way.watch = {
      dump: debug.requests ? dump : undefined,
      trace: debug.trace ? (line) => log("debug", "registry", { ...line }) : undefined,
    };
  }
  if (!hostDir) return way;
  const { settingsOf } = await import("../registry/hosts-dir.ts");
  return { ...way, settings: (await settingsOf(hostDir, parseReference(reference).domain)) ?? {} };
}

/** What says where a message ends and for whom it is, is not the client's to say. */
const OURS = /^(?:host|connection|content-length|transfer-encoding|te|trailer|upgrade|expect|range)$/;

/** With names in lower case. InvalidArgument. */
function checkedHeaders(headers: Labels): Labels {
  const checked: Labels = {};
  for (const [name, value] of Object.entries(headers)) {
    const lower = name.toLowerCase();
    const wrong = (why: string) =>
      new WharfError("InvalidArgument", `the header ${JSON.stringify(name)} ${why}`, { operation: "transfer" });
    if (!/^[\w!#$%&'*+.^`|~-]+$/.test(name)) throw wrong("has no name that HTTP knows");
    if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) throw wrong("has a value that HTTP does not take");
    if (OURS.test(lower)) throw wrong("cannot be set for a transfer");
    checked[lower] = value;
  }
  return checked;
}
