// What a checkpoint does not hold: mounts and namespaces that come from outside, and how they are named in the images.
import { WharfError } from "../../../common/errors.ts";
import type { ExternalMount, InheritFd, JoinNamespace } from "../../../common/gen/criu/rpc.ts";
import type { LinuxNamespaceType, Mount, Spec } from "../../../common/oci/runtime.ts";
import { dirname } from "../../../common/path.ts";
import type { Init } from "../../../common/protobuf/codec.ts";
import type { CgroupPaths } from "../../cgroup/paths.ts";
import { isErrno } from "../../sys/call.ts";
import { Fd, O, open, stat } from "../../sys/fs.ts";
import { NAMESPACE_FILE } from "../../sys/namespaces.ts";
import { openInRootIfThere } from "../../sys/openat2.ts";
import { readProcLink } from "../../sys/procfs.ts";
import { isBind } from "../mounts.ts";
import { trimmed } from "../root.ts";
import { FIRST_PASSED } from "./criu.ts";

/**
 * A destination with the links of the image followed, as the kernel's list of mounts has it. What is not in the image lies below
 * another mount: it stays as it is written.
 */
function resolved(rootfs: string, destination: string): string {
  const path = trimmed(destination.startsWith("/") ? destination : `/${destination}`);
  using root = new Fd(open(rootfs, O.PATH | O.DIRECTORY));
  const base = readProcLink(`self/fd/${root.value}`);
  for (let there = path; there !== "" && there !== "/"; there = dirname(there)) {
    const place = openInRootIfThere(root.value, there, O.PATH);
    if (place === undefined) continue;
    using held = new Fd(place);
    const full = readProcLink(`self/fd/${held.value}`);
    return full.startsWith(`${base}/`) ? full.slice(base.length) + path.slice(there.length) : path;
  }
  return path;
}

export interface Outside {
  /** Place in the container. */
  place: string;
  /** Path on the host. */
  source: string;
}

/** Mounts whose content is the host's. */
export function outsideMounts(spec: Spec, bundle: string, rootfs: string, cgroup: CgroupPaths | undefined): Outside[] {
  const ownCgroups = (spec.linux?.namespaces ?? []).some(({ type }) => type === "cgroup");
  const out: Outside[] = [];
  for (const entry of spec.mounts ?? []) {
    const place = resolved(rootfs, entry.destination);
    if (isBind(entry)) out.push({ place, source: sourceOf(entry, bundle) });
    else if (entry.type === "cgroup" && cgroup?.mode === "v1" && !ownCgroups) {
      for (const controllers in cgroup.paths) {
        const name = controllers.startsWith("name=") ? controllers.slice(5) : controllers;
        out.push({ place: `${place}/${name}`, source: cgroup.paths[controllers]! });
      }
    }
  }
  // with a user namespace devices are bound from the host
  for (const { path } of spec.linux?.devices ?? []) out.push({ place: path, source: path });
  return out;
}

function sourceOf({ source = "" }: Mount, bundle: string): string {
  return source.startsWith("/") ? source : `${bundle}/${source}`;
}

const NULL_DEVICE = "/dev/null";

/** At a dump: mounts by the name under which the restore gives them back. */
export function dumpedMounts(outside: readonly Outside[], maskedFiles: readonly string[]): Init<ExternalMount>[] {
  return [
    ...outside.map(({ place }) => ({ key: place, val: place })),
    ...maskedFiles.map((place) => ({ key: place, val: NULL_DEVICE })),
  ];
}

export function restoredMounts(outside: readonly Outside[], masked: boolean): Init<ExternalMount>[] {
  const mounts = outside.map(({ place, source }) => ({ key: place, val: source }));
  return masked ? [...mounts, { key: NULL_DEVICE, val: NULL_DEVICE }] : mounts;
}

/** Namespaces that criu takes over open, by the name that the images have for them. */
const INHERITED: Partial<Record<LinuxNamespaceType, string>> = { network: "extRootNetNS", pid: "extRootPidNS" };

/** At a dump: `net[4026531840]:extRootNetNS` for each namespace that the configuration names by path. */
export function dumpedNamespaces({ linux }: Spec): string[] {
  return (linux?.namespaces ?? []).flatMap(({ type, path }) => {
    const key = INHERITED[type];
    return path && key ? [`${NAMESPACE_FILE[type]}[${stat(path).ino}]:${key}`] : [];
  });
}

export interface RestoredNamespaces {
  inherit: Init<InheritFd>[];
  join: Init<JoinNamespace>[];
  /** Open namespaces, to be passed on in this order; the caller closes them. */
  fds: number[];
}

export function restoredNamespaces({ linux }: Spec): RestoredNamespaces {
  const result: RestoredNamespaces = { inherit: [], join: [], fds: [] };
  for (const { type, path } of linux?.namespaces ?? []) {
    if (!path) continue;
    const key = INHERITED[type];
    if (key) {
      result.inherit.push({ key, fd: FIRST_PASSED + result.fds.length });
      result.fds.push(openNamespace(type, path));
    } else if (type === "cgroup") {
      throw new WharfError("Unimplemented", "linux.namespaces: criu cannot join a cgroup namespace", { subject: path });
    } else result.join.push({ ns: NAMESPACE_FILE[type], nsFile: path });
  }
  return result;
}

function openNamespace(type: string, path: string): number {
  try {
    return open(path, O.RDONLY);
  } catch (cause) {
    if (!isErrno(cause, "ENOENT")) throw cause;
    throw new WharfError("NotFound", `linux.namespaces: the ${type} namespace of the checkpoint is not there`, {
      cause,
      subject: path,
      hint: "make it anew before restoring",
    });
  }
}
