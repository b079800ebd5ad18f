// A new container's record, from its configuration.
import { OCI_VERSION, type Spec } from "../../common/oci/runtime.ts";
import type { CgroupPaths } from "../cgroup/paths.ts";
import { NAMESPACE_FLAG } from "../sys/namespaces.ts";
import { CLONE } from "../sys/process.ts";
import { effectiveUser, userName } from "../sys/rootless.ts";
import { ownStreams } from "./checkpoint/streams.ts";
import { executionDomainOf } from "./execution-domain.ts";
import type { NamespacePlan } from "./namespaces.ts";
import { type ContainerRecord, newRecord } from "./state.ts";

export interface Beginning {
  id: string;
  bundle: string;
  rootfs: string;
  spec: Spec;
  cgroup: CgroupPaths;
  namespaces: NamespacePlan;
  /** RFC 3339. */
  created: string;
  noPivot?: boolean | undefined;
  noNewKeyring?: boolean | undefined;
}

export function recordOf(beginning: Beginning): ContainerRecord {
  const { id, bundle, rootfs, spec, cgroup, namespaces, created, noPivot, noNewKeyring } = beginning;
  let flags = 0;
  for (const type of namespaces.own) flags |= NAMESPACE_FLAG[type];
  return newRecord({
    id,
    ociVersion: OCI_VERSION,
    bundle,
    rootfs,
    created,
    owner: userName(effectiveUser()),
    annotations: spec.annotations,
    cgroup,
    process: spec.process,
    hooks: spec.hooks,
    namespaces: flags,
    ownPids: (namespaces.flags & CLONE.NEWPID) !== 0,
    chroot: noPivot === true || !namespaces.own.has("mount"),
    domain: executionDomainOf(spec.linux ?? {}),
    keyring: !noNewKeyring,
    streams: spec.process?.terminal ? undefined : ownStreams(),
  });
}
