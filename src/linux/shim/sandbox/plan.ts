// What a sandbox shares among its containers, from the OCI spec in its bundle or, without one, from CRI's configuration of the pod.
import { WharfError } from "../../../common/errors.ts";
import type { CreateSandboxRequest } from "../../../common/gen/containerd/sandbox/runtime.ts";
import { NamespaceMode, PodSandboxConfig } from "../../../common/gen/cri/sandbox-config.ts";
import { isAny, unpackAny } from "../../../common/protobuf/any.ts";
import { readSpecIfThere } from "../spec.ts";

/** The kinds of namespaces that a process without a root file system of its own can hold for others. */
const HELD = ["ipc", "uts", "pid", "network"] as const;
export type Held = (typeof HELD)[number];

export interface Plan {
  /** Made anew for the sandbox. */
  fresh: Held[];
  /** Joined: their files. */
  joined: { type: Held; path: string }[];
  hostname: string;
  sysctls: Record<string, string>;
  /** Group that the sandbox's process lies in, below each hierarchy's root; "" for the shim's own. */
  cgroup: string;
}

/** Parsing leaves much behind: for processes of short life. InvalidArgument for what cannot be held. */
export function planOf(request: CreateSandboxRequest): Plan {
  const { netnsPath, bundlePath, options } = request;
  const plan =
    planOfSpec(bundlePath) ?? planOfConfig(options && isAny(options, PodSandboxConfig) ? options : undefined);
  if (netnsPath !== "") {
    plan.fresh = plan.fresh.filter((type) => type !== "network");
    plan.joined = [...plan.joined.filter(({ type }) => type !== "network"), { type: "network", path: netnsPath }];
  }
  return plan;
}

function planOfSpec(bundle: string): Plan | undefined {
  const spec = readSpecIfThere(bundle);
  if (!spec) return undefined;
  const plan: Plan = { fresh: [], joined: [], hostname: "", sysctls: spec.linux?.sysctl ?? {}, cgroup: "" };
  for (const { type, path } of spec.linux?.namespaces ?? []) {
    // Each container makes these for itself.
    if (type === "mount" || type === "cgroup") continue;
    const held = HELD.find((one) => one === type);
    if (!held) throw new WharfError("InvalidArgument", `a sandbox holds no namespace of type ${JSON.stringify(type)}`);
    if (path) plan.joined.push({ type: held, path });
    else plan.fresh.push(held);
  }
  if (plan.fresh.includes("uts")) plan.hostname = spec.hostname ?? "";
  const cgroup = spec.linux?.cgroupsPath ?? "";
  if (cgroup.startsWith("/") && !cgroup.split("/").includes("..")) plan.cgroup = cgroup;
  return plan;
}

function planOfConfig(options: CreateSandboxRequest["options"]): Plan {
  const { hostname = "", linux } = options ? unpackAny(PodSandboxConfig, options) : {};
  const modes = linux?.securityContext?.namespaceOptions;
  const { network = NamespaceMode.POD, pid = NamespaceMode.CONTAINER, ipc = NamespaceMode.POD } = modes ?? {};
  // A pod in the host's network has the host's name as well.
  const own = network !== NamespaceMode.NODE;
  const fresh: Held[] = [];
  if (own) fresh.push("uts", "network");
  if (ipc === NamespaceMode.POD) fresh.push("ipc");
  if (pid === NamespaceMode.POD) fresh.push("pid");
  return { fresh, joined: [], hostname: own ? hostname : "", sysctls: linux?.sysctls ?? {}, cgroup: "" };
}
