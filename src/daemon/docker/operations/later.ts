/** Operations of the API that are known but not there yet: each answers 501 with its name. */

import { WharfError } from "../../../common/errors.ts";
import type { Method, Operation } from "../../http/operation.ts";
import { operation } from "../../http/operation.ts";

const LATER = `
ContainerTop GET /containers/{id}/top
ContainerChanges GET /containers/{id}/changes
ContainerStats GET /containers/{id}/stats
ContainerUpdate POST /containers/{id}/update
ContainerRename POST /containers/{id}/rename
ContainerPause POST /containers/{id}/pause
ContainerUnpause POST /containers/{id}/unpause
ContainerAttachWebsocket GET /containers/{id}/attach/ws
ContainerArchiveInfo HEAD /containers/{id}/archive
ContainerArchive GET /containers/{id}/archive
PutContainerArchive PUT /containers/{id}/archive
ContainerPrune POST /containers/prune
ImageBuild POST /build
ImageHistory GET /images/{name*}/history
ImagePush POST /images/{name*}/push
ImageTag POST /images/{name*}/tag
ImageSearch GET /images/search
ImagePrune POST /images/prune
ImageGet GET /images/{name*}/get
ImageGetAll GET /images/get
ImageLoad POST /images/load
ImageCommit POST /commit
SystemAuth POST /auth
SystemDataUsage GET /system/df
VolumeList GET /volumes
VolumeCreate POST /volumes/create
VolumeInspect GET /volumes/{name}
VolumeUpdate PUT /volumes/{name}
VolumeDelete DELETE /volumes/{name}
VolumePrune POST /volumes/prune
NetworkList GET /networks
NetworkInspect GET /networks/{id}
NetworkDelete DELETE /networks/{id}
NetworkCreate POST /networks/create
NetworkConnect POST /networks/{id}/connect
NetworkDisconnect POST /networks/{id}/disconnect
NetworkPrune POST /networks/prune
DistributionInspect GET /distribution/{name*}/json
Session POST /session
PluginList GET /plugins
SwarmInspect GET /swarm
SwarmInit POST /swarm/init
SwarmJoin POST /swarm/join
NodeList GET /nodes
ServiceList GET /services
TaskList GET /tasks
SecretList GET /secrets
ConfigList GET /configs
`;

/** Clients that begin anew leave the swarm they might be in. */
const swarmLeave = operation({
  id: "SwarmLeave",
  method: "POST",
  path: "/swarm/leave",
  summary: "refused: there is no swarm to leave",
  handler: () => {
    throw new WharfError("Unavailable", "This node is not part of a swarm", { operation: "SwarmLeave" });
  },
});

/** Those whose id is not among `there`. */
export function laterOperations(there: readonly Operation[]): Operation[] {
  const ids = new Set(there.map(({ id }) => id));
  const missing = LATER.trim()
    .split("\n")
    .map((line) => line.split(" ") as [string, Method, string])
    .filter(([id]) => !ids.has(id))
    .map(([id, method, path]) =>
      operation({
        id,
        method,
        path,
        summary: "not there yet",
        handler: () => {
          throw new WharfError("Unimplemented", `${id} (${method} ${path.replaceAll("*}", "}")}) is not there yet`, {
            operation: id,
          });
        },
      }),
    );
  return [...missing, swarmLeave];
}
