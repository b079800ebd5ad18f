/** The Docker Engine API: all operations, one group a file. A new group is added here and nowhere else. */

import type { Server } from "node:http";
import { type Operation, operation } from "../http/operation.ts";
import { createApiServer } from "../http/server.ts";
import type { TlsSettings } from "../listen-address.ts";
import type { Engine } from "./engine.ts";
import { containerControlOperations } from "./operations/container-control.ts";
import { containerFileOperations } from "./operations/container-files.ts";
import { containerOperations } from "./operations/containers.ts";
import { eventOperations } from "./operations/events.ts";
import { execOperations } from "./operations/exec.ts";
import { imageArchiveOperations } from "./operations/image-archive.ts";
import { imageRegistryOperations } from "./operations/image-registry.ts";
import { imageStoreOperations } from "./operations/image-store.ts";
import { imageOperations } from "./operations/images.ts";
import { laterOperations } from "./operations/later.ts";
import { networkOperations } from "./operations/networks.ts";
import { streamOperations } from "./operations/streams.ts";
import { systemOperations } from "./operations/system.ts";
import { traceOperations } from "./operations/trace.ts";
import { usageOperations } from "./operations/usage.ts";
import { volumeOperations } from "./operations/volumes.ts";
import { API_HIGHEST, API_LOWEST, SERVER_HEADERS } from "./version.ts";

const GROUPS: readonly ((engine: Engine) => Operation[])[] = [
  systemOperations,
  eventOperations,
  imageOperations,
  imageStoreOperations,
  imageArchiveOperations,
  imageRegistryOperations,
  usageOperations,
  containerOperations,
  containerControlOperations,
  containerFileOperations,
  volumeOperations,
  networkOperations,
  streamOperations,
  execOperations,
  traceOperations,
];

/** Literal paths come before patterns that would take them, too. */
export function dockerOperations(engine: Engine): Operation[] {
  const there = GROUPS.flatMap((group) => group(engine));
  const all = [...there, ...laterOperations(there)];
  all.push(documentOperation(all));
  const wildness = ({ path }: Operation) => (path.match(/\{/g)?.length ?? 0) * 2 + (/\*\}$/.test(path) ? 1 : 0);
  return all.sort((a, b) => wildness(a) - wildness(b));
}

/** Loaded when somebody wants to see it. */
function documentOperation(operations: readonly Operation[]): Operation {
  return operation({
    id: "WharfOpenApi",
    method: "GET",
    path: "/wharf/openapi.json",
    summary: "this API as an OpenAPI document",
    handler: async (x) => {
      const { openApiDocument } = await import("./openapi.ts");
      x.json(200, openApiDocument(operations));
    },
  });
}

/** With `tls` the server speaks TLS, and to clients with a certificate only. */
export function createDockerServer(engine: Engine, tls?: TlsSettings): Server {
  return createApiServer({
    operations: dockerOperations(engine),
    versions: { lowest: API_LOWEST, highest: API_HIGHEST },
    headers: SERVER_HEADERS,
    log: engine.log,
    tls,
  });
}
