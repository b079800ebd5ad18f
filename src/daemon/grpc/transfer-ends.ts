/** Sources and destinations of a transfer, from their messages. */

import { WharfError } from "../../common/errors.ts";
import { ImageStore } from "../../common/gen/containerd/transfer/imagestore.ts";
import { ImageExportStream, ImageImportStream } from "../../common/gen/containerd/transfer/importexport.ts";
import { AuthRequest, AuthResponse, AuthType, OCIRegistry } from "../../common/gen/containerd/transfer/registry.ts";
import type { Platform } from "../../common/gen/containerd/types/platform.ts";
import { formatPlatform } from "../../common/oci/platform.ts";
import { anyName, packAny, unpackAny } from "../../common/protobuf/any.ts";
import type { OciRegistry, RegistryAuth, StoredImage, TransferEnd } from "../containerd/api/transfer.ts";
import type { Any } from "../containerd/api/types.ts";
import { DEFAULT_SNAPSHOTTER } from "../containerd/api.ts";
import { readBytes, writeBytes } from "./byte-streams.ts";
import { fromLabels } from "./convert.ts";
import type { ClientStream } from "./streams.ts";

/** `stream` finds an open stream by its id. Unimplemented for a type that is not known. */
export function transferEnd(any: Any, stream: (id: string) => ClientStream): TransferEnd {
  switch (anyName(any)) {
    case OCIRegistry.typeName:
      return registry(unpackAny(OCIRegistry, any), stream);
    case ImageStore.typeName:
      return storedImage(unpackAny(ImageStore, any));
    case ImageImportStream.typeName: {
      const { stream: id, mediaType } = unpackAny(ImageImportStream, any);
      return { type: "archive", mediaType, read: readBytes(stream(id)) };
    }
    case ImageExportStream.typeName: {
      const archive = unpackAny(ImageExportStream, any);
      return {
        type: "archive",
        mediaType: archive.mediaType,
        platforms: archive.allPlatforms ? undefined : archive.platforms.map(platformText),
        skipDockerManifest: archive.skipCompatibilityManifest,
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
  if (Object.keys(resolver.headers).length > 0) {
    throw new WharfError("Unimplemented", "headers of a transfer's own are not sent", { operation: "transfer" });
  }
  if (resolver.hostDir !== "") end.hostDir = resolver.hostDir;
  const scheme = resolver.defaultScheme;
  if (scheme === "http" || scheme === "https") end.scheme = scheme;
  else if (scheme !== "") throw new WharfError("InvalidArgument", `bad scheme ${JSON.stringify(scheme)}`);
  if (resolver.authStream !== "") end.auth = asker(stream(resolver.authStream), reference);
  return end;
}

/** Asks the client for credentials, one question after the other. */
function asker(stream: ClientStream, reference: string): (host: string) => Promise<RegistryAuth | undefined> {
  let last: Promise<unknown> = Promise.resolve();
  return (host) => {
    const ask = async () => {
      await stream.send(packAny(AuthRequest, { host, reference, wwwauthenticate: [] }));
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
  const { name, labels, platforms, extraReferences, unpacks } = store;
  return {
    type: "image-store",
    name,
    labels: fromLabels(labels),
    platforms: platforms.map(platformText),
    // containerd: no platform means all of them.
    allPlatforms: platforms.length === 0,
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
