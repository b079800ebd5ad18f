/** Sources and destinations of a transfer, from their messages. */

import { setTimeout as sleep } from "node:timers/promises";
import { WharfError } from "../../common/errors.ts";
import { ImageStore } from "../../common/gen/containerd/transfer/imagestore.ts";
import { ImageExportStream, ImageImportStream } from "../../common/gen/containerd/transfer/importexport.ts";
import {
  AuthRequest,
  AuthResponse,
  AuthType,
  HTTPDebug,
  OCIRegistry,
} from "../../common/gen/containerd/transfer/registry.ts";
import type { Platform } from "../../common/gen/containerd/types/platform.ts";
import { formatPlatform } from "../../common/oci/platform.ts";
import { anyName, packAny, unpackAny } from "../../common/protobuf/any.ts";
import { DEFAULT_DOMAIN, HUB_HOST } from "../../common/reference.ts";
import type { HttpDebug, OciRegistry, RegistryAuth, StoredImage, TransferEnd } from "../containerd/api/transfer.ts";
import type { Any } from "../containerd/api/types.ts";
import { DEFAULT_SNAPSHOTTER } from "../containerd/api.ts";
import { readBytes, writeBytes } from "./byte-streams.ts";
import { fromLabels } from "./convert.ts";
import type { ClientStream } from "./streams.ts";

/** Milliseconds that the end of a transfer waits for a client that does not read what it asked for. */
const FLUSH_MS = 2000;

/** `stream` finds an open stream by its id. Unimplemented for a type that is not known. */
export function transferEnd(any: Any, stream: (id: string) => ClientStream): TransferEnd {
  switch (anyName(any)) {
    case OCIRegistry.typeName:
      return registry(unpackAny(OCIRegistry, any), stream);
    case ImageStore.typeName:
      return storedImage(unpackAny(ImageStore, any));
    case ImageImportStream.typeName: {
      const { stream: id, mediaType, forceCompress } = unpackAny(ImageImportStream, any);
      return { type: "archive", mediaType, forceCompress, read: readBytes(stream(id)) };
    }
    case ImageExportStream.typeName: {
      const archive = unpackAny(ImageExportStream, any);
      return {
        type: "archive",
        mediaType: archive.mediaType,
        platforms: archive.allPlatforms ? undefined : archive.platforms.map(platformText),
        skipDockerManifest: archive.skipCompatibilityManifest,
        skipNonDistributable: archive.skipNonDistributable,
        write: writeBytes(stream(archive.stream)),
      };
    }
    default:
      throw new WharfError("Unimplemented", `transfers know no ${JSON.stringify(any.typeUrl)}`);
  }
}

function registry({ reference, resolver }: OCIRegistry, stream: (id: string) => ClientStream): OciRegistry {
  const end: OciRegistry = { type: "registry", reference };
  if (!resolver) return end;
  if (Object.keys(resolver.headers).length > 0) end.headers = fromLabels(resolver.headers);
  if (resolver.hostDir !== "") end.hostDir = resolver.hostDir;
  const scheme = resolver.defaultScheme;
  if (scheme === "http" || scheme === "https") end.scheme = scheme;
  else if (scheme !== "") throw new WharfError("InvalidArgument", `bad scheme ${JSON.stringify(scheme)}`);
  if (resolver.authStream !== "") end.auth = asker(stream(resolver.authStream), reference);
  const { httpDebug } = resolver;
  if (httpDebug !== HTTPDebug.DISABLED) {
    const requests = httpDebug === HTTPDebug.DEBUG || httpDebug === HTTPDebug.BOTH;
    const trace = httpDebug === HTTPDebug.TRACE || httpDebug === HTTPDebug.BOTH;
    // Bound in any case, or the client would wait for its end.
    const write = resolver.logsStream === "" ? undefined : writeBytes(stream(resolver.logsStream));
    end.debug = { requests, trace, ...(write && inTurn(write)) };
  }
  return end;
}

/** Text to a stream of bytes, without waiting for who reads it; once it has gone the rest is dropped. */
function inTurn(write: (data: Uint8Array) => Promise<void>): Required<Pick<HttpDebug, "dump" | "flush">> {
  let last: Promise<void> = Promise.resolve();
  return {
    dump: (text) => {
      last = last.then(() => write(Buffer.from(text)));
      last.catch(() => {});
    },
    flush: () => Promise.race([last.catch(() => {}), sleep(FLUSH_MS, undefined, { ref: false })]),
  };
}

/** Asks the client for credentials, one question after the other. */
function asker(stream: ClientStream, reference: string): (host: string) => Promise<RegistryAuth | undefined> {
  let last: Promise<unknown> = Promise.resolve();
  return (host) => {
    const ask = async () => {
      // By the name of the machine that is asked, as containerd has it.
      const name = host === DEFAULT_DOMAIN ? HUB_HOST : host;
      await stream.send(packAny(AuthRequest, { host: name, reference, wwwauthenticate: [] }));
      const answer = await stream.receive();
      return answer && readAuth(unpackAny(AuthResponse, answer));
    };
    const asked = last.then(ask, ask);
    last = asked;
    return asked;
  };
}

function readAuth({ authType, secret, username }: AuthResponse): RegistryAuth | undefined {
  switch (authType) {
    case AuthType.CREDENTIALS:
      return { username, secret };
    case AuthType.REFRESH:
      return secret === "" ? undefined : { identityToken: secret };
    case AuthType.HEADER:
      return { header: secret };
    default:
      return undefined;
  }
}

function storedImage(store: ImageStore): StoredImage {
  const { name, labels, platforms, allMetadata, manifestLimit, extraReferences, unpacks } = store;
  return {
    type: "image-store",
    name,
    labels: fromLabels(labels),
    platforms: platforms.map(platformText),
    // containerd: no platform means all of them.
    allPlatforms: platforms.length === 0,
    allMetadata,
    manifestLimit,
    extraReferences,
    unpacks: unpacks.map(({ platform, snapshotter }) => ({
      platform: platform && platformText(platform),
      snapshotter: snapshotter || DEFAULT_SNAPSHOTTER,
    })),
  };
}

function platformText({ os, architecture, variant, osVersion }: Platform): string {
  const platform = { os, architecture, ...(variant ? { variant } : {}) };
  return formatPlatform(osVersion ? { ...platform, "os.version": osVersion } : platform);
}
