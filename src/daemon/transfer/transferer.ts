/** The registry's part of containerd's transfer service: pull and push as transfers between a registry and the store. */

import { WharfError } from "../../common/errors.ts";
import { parsePlatform } from "../../common/oci/platform.ts";
import { parseReference } from "../../common/reference.ts";
import type { OciRegistry, RegistryAuth, StoredImage, TransferOptions } from "../containerd/api/transfer.ts";
import type { Containerd, Transferer } from "../containerd/api.ts";
import type { Way } from "../registry/client.ts";
import type { CredentialSource, Credentials } from "../registry/credentials.ts";
import { hostPlatform } from "./platform.ts";
import type { LayerStatus, TransferEvent } from "./progress.ts";
import type { Puller } from "./pull.ts";
import type { Pusher } from "./push.ts";

/** containerd's words for what happens to a layer. */
const EVENTS: Readonly<Record<LayerStatus, string>> = {
  waiting: "waiting",
  exists: "already exists",
  downloading: "downloading",
  retrying: "waiting",
  downloaded: "complete",
  extracting: "extracting",
  complete: "extracted",
  pushing: "uploading",
  pushed: "complete",
  mounted: "already exists",
};

/** To be given to `ContainerdCore.addTransferer`. */
export function registryTransferer(puller: Puller, pusher: Pusher): Transferer {
  return (client, source, destination, options) => {
    if (source.type === "registry" && destination.type === "image-store")
      return pull(puller, client, source, destination, options);
    if (source.type === "image-store" && destination.type === "registry")
      return push(pusher, client, source, destination, options);
    return undefined;
  };
}

async function pull(
  puller: Puller,
  client: Containerd,
  source: OciRegistry,
  destination: StoredImage,
  options: TransferOptions,
): Promise<void> {
  const way = await wayOf(source);
  const host = hostPlatform();
  const platforms = (destination.platforms ?? []).map((one) => parsePlatform(one, host));
  const unpack = destination.unpacks?.[0];
  const main = unpack?.platform !== undefined ? parsePlatform(unpack.platform, host) : platforms[0];
  await puller.pull(source.reference, {
    client,
    name: destination.name === "" ? undefined : destination.name,
    platform: main,
    also: destination.allPlatforms ? "all" : platforms,
    snapshotter: unpack?.snapshotter ?? null,
    credentials: credentialsOf(source),
    way,
    labels: destination.labels,
    signal: options.signal,
    progress: reporter(source, options),
  });
}

async function push(
  pusher: Pusher,
  client: Containerd,
  source: StoredImage,
  destination: OciRegistry,
  options: TransferOptions,
): Promise<void> {
  const way = await wayOf(destination);
  const platform = source.platforms?.[0];
  await pusher.push(destination.reference, {
    client,
    image: source.name,
    platform: platform === undefined ? undefined : parsePlatform(platform, hostPlatform()),
    credentials: credentialsOf(destination),
    way,
    signal: options.signal,
    progress: reporter(destination, options),
  });
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
  const [, token] = /^Bearer +(\S+)$/i.exec(auth.header) ?? [];
  if (token !== undefined) return { registryToken: token };
  throw new WharfError("Unimplemented", "credentials as a header: only Bearer is known", { operation: "transfer" });
}

/** How the registry is spoken to. A host directory stands in place of the configuration. */
async function wayOf({ reference, scheme, hostDir }: OciRegistry): Promise<Way> {
  const plainHttp = scheme === "http";
  if (!hostDir) return { plainHttp };
  const { settingsOf } = await import("../registry/hosts-dir.ts");
  return { plainHttp, settings: (await settingsOf(hostDir, parseReference(reference).domain)) ?? {} };
}

function reporter(
  { reference }: OciRegistry,
  { progress }: TransferOptions,
): ((event: TransferEvent) => void) | undefined {
  if (!progress) return undefined;
  return (event) => {
    if (event.kind === "resolved") progress({ event: "resolved", name: reference, desc: event.descriptor });
    else if (event.kind === "layer") {
      const { id, status, current, total } = event;
      progress({ event: EVENTS[status], name: id, parents: [reference], progress: current, total });
    }
  };
}
