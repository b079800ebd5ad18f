// What is known of the fields of containerd's Transfer.
import type { Evidence, Ledger } from "./evidence.ts";

const transfer = (title: string): Evidence => ["test/interop/grpc/transfer.test.ts", title];
const HEADERS = transfer("headers go with each request to the registry; what HTTP cannot take is refused");
const AUTH = transfer("credentials are asked for by a stream: name and password, a refresh token, a header, or none");
const STEPS = transfer("a pull and a push tell each step, as a tree below the image's name");
const WIRE = transfer("what goes over the wire is told to a stream or the log, without passwords");
const UNPACKS = transfer("an image is unpacked for each configuration: platforms and snapshotters");
const HOW_MUCH = transfer("platforms, all metadata and a limit say how much of an index is pulled");
const NAMES = transfer("an image gets the names that its references make");
const IMPORT = transfer(
  "an import takes a packed archive, names what it holds, unpacks it, and compresses docker's layers when asked",
);
const EXPORT = transfer("an export has the platforms asked for, and docker's list unless it is left out");

/** The fields of containerd.types.transfer, by message and their names here. */
export const TRANSFER_LEDGER: Ledger = {
  "OCIRegistry.reference": HEADERS,
  "OCIRegistry.resolver": HEADERS,
  "RegistryResolver.authStream": AUTH,
  "RegistryResolver.headers": HEADERS,
  "RegistryResolver.hostDir": transfer("a host directory says where a registry is"),
  "RegistryResolver.defaultScheme": transfer("the default scheme is what the registry is spoken to by"),
  "RegistryResolver.httpDebug": WIRE,
  "RegistryResolver.logsStream": WIRE,
  "AuthRequest.host": AUTH,
  "AuthRequest.reference": AUTH,
  "AuthRequest.wwwauthenticate": {
    reason: "left empty, as by containerd: the question is asked before the registry's answer is known",
  },
  "AuthResponse.authType": AUTH,
  "AuthResponse.secret": AUTH,
  "AuthResponse.username": AUTH,
  "AuthResponse.expireAt": { reason: "not looked at, as by containerd: credentials are used within the one transfer" },
  "ImageStore.name": NAMES,
  "ImageStore.labels": UNPACKS,
  "ImageStore.platforms": HOW_MUCH,
  "ImageStore.allMetadata": HOW_MUCH,
  "ImageStore.manifestLimit": HOW_MUCH,
  "ImageStore.extraReferences": NAMES,
  "ImageStore.unpacks": UNPACKS,
  "UnpackConfiguration.platform": UNPACKS,
  "UnpackConfiguration.snapshotter": UNPACKS,
  "ImageReference.name": NAMES,
  "ImageReference.isPrefix": NAMES,
  "ImageReference.allowOverwrite": IMPORT,
  "ImageReference.addDigest": NAMES,
  "ImageReference.skipNamedDigest": IMPORT,
  "ImageImportStream.stream": IMPORT,
  "ImageImportStream.mediaType": IMPORT,
  "ImageImportStream.forceCompress": IMPORT,
  "ImageExportStream.stream": EXPORT,
  "ImageExportStream.mediaType": EXPORT,
  "ImageExportStream.platforms": EXPORT,
  "ImageExportStream.allPlatforms": EXPORT,
  "ImageExportStream.skipCompatibilityManifest": EXPORT,
  "ImageExportStream.skipNonDistributable": transfer(
    "layers that may not be handed on are left out of an export when asked",
  ),
  "Progress.event": STEPS,
  "Progress.name": STEPS,
  "Progress.parents": STEPS,
  "Progress.progress": STEPS,
  "Progress.total": STEPS,
  "Progress.desc": STEPS,
  "Data.data": EXPORT,
  "WindowUpdate.update": EXPORT,
};
