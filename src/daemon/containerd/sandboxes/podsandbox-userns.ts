/** The user namespace of a pod, as CRI asks for it. */

import { WharfError } from "../../../common/errors.ts";
import { type IDMapping, NamespaceMode, type PodSandboxConfig } from "../../../common/gen/cri/sandbox-config.ts";
import type { LinuxIDMapping } from "../../../common/oci/runtime.ts";
import type { Labels } from "../api/types.ts";

export interface PodMappings {
  uids: LinuxIDMapping;
  gids: LinuxIDMapping;
}

/** Undefined for a pod in the host's. InvalidArgument for what CRI does not allow: one range each for users and groups it has to be. */
export function podMappings({ linux }: PodSandboxConfig): PodMappings | undefined {
  const { network, usernsOptions } = linux?.securityContext?.namespaceOptions ?? {};
  if (!usernsOptions) return undefined;
  const { mode, uids, gids } = usernsOptions;
  if (mode === NamespaceMode.NODE) {
    if (uids.length + gids.length === 0) return undefined;
    throw wrong("a pod in the host's user namespace maps no users and groups");
  }
  if (mode !== NamespaceMode.POD) throw wrong(`a pod's user namespace is the pod's or the host's, not of mode ${mode}`);
  if (network === NamespaceMode.NODE) throw wrong("a pod with a user namespace of its own needs a network of its own");
  return { uids: mapping("users", uids), gids: mapping("groups", gids) };
}

function mapping(what: string, given: readonly IDMapping[]): LinuxIDMapping {
  const [only, ...more] = given;
  if (!only || more.length > 0) throw wrong(`a pod's user namespace has one mapping of ${what}, not ${given.length}`);
  const { containerId: containerID, hostId: hostID, length: size } = only;
  if (size < 1) throw wrong(`a pod's mapping of ${what} is empty`);
  if (containerID !== 0) throw wrong(`a pod's mapping of ${what} leaves root out: it begins with ${containerID}`);
  return { containerID, hostID, size };
}

function wrong(message: string): WharfError {
  return new WharfError("InvalidArgument", message, { hint: "see CRI's UserNamespace" });
}

/** Of a snapshot that is to show its files to such a pod. */
export function remapLabels(mappings: PodMappings | undefined): Labels {
  if (!mappings) return {};
  const text = ({ containerID, hostID, size }: LinuxIDMapping) => `${containerID}:${hostID}:${size}`;
  return {
    "containerd.io/snapshot/uidmapping": text(mappings.uids),
    "containerd.io/snapshot/gidmapping": text(mappings.gids),
  };
}
