// What the runtime itself does for a container, as steps: before its first process is born, and while that one sets itself up.
import type { Mount } from "../../common/oci/runtime.ts";
import { isErrno } from "../sys/call.ts";
import { close } from "../sys/fs.ts";
import { effectiveUser } from "../sys/rootless.ts";
import { cgroupSteps } from "./cgroup-steps.ts";
import type { Channel, ToInit } from "./channel.ts";
import { runHooks } from "./hooks.ts";
import { writeMaps } from "./id-maps.ts";
import { isMapped, userNamespaceFor } from "./idmap.ts";
import type { InitPlan } from "./init.ts";
import { joinRdt } from "./intel-rdt.ts";
import { isBind, placeInRoot, prepareBind } from "./mounts.ts";
import { newTimeNamespace } from "./namespaces.ts";
import { moveNetDevices } from "./net-devices.ts";
import type { Step } from "./plan.ts";
import { prepareRootTree, wantedPropagation } from "./root.ts";
import { prepareSeccomp } from "./seccomp.ts";
import { needsStage } from "./stage.ts";
import { type ContainerRecord, folderOf, noteCgroup, noteRdt } from "./state.ts";

/** What there is when the first process has been born. */
export interface Birth {
  pid: number;
  channel: Channel;
  record: ContainerRecord;
  /** The cgroup is not where it was thought to be when the process was born. */
  moved?: boolean;
}

/** The cgroup must be there before the process: it is born into it, or joins it without our rights. */
function cgroupComesFirst({ cgroup, namespaces }: InitPlan): boolean {
  // systemd moves a process that is there
  if (cgroup.systemd) return false;
  return cgroup.mode === "v2" || namespaces.own.has("user") || needsStage(namespaces);
}

function cgroupPart(plan: InitPlan, root: string, birth: Birth | undefined): Step[] {
  const { cgroup, spec, state } = plan;
  const moved = () => {
    noteCgroup(folderOf(root, state.id), cgroup);
    if (birth) birth.moved = true;
  };
  return cgroupSteps(cgroup, spec, { id: state.id, pid: birth?.pid ?? 0, moved });
}

/** With a user namespace the new process lacks the rights to open what is the host's: it gets it open. */
function ownRightsSteps(plan: InitPlan): Step[] {
  const { spec, namespaces, rootfs, bundle, trees } = plan;
  const steps: Step[] = [];
  // mounts are copied by who owns the mount namespace: where that is not this process, it will be the new one
  const all = namespaces.own.has("user") && effectiveUser() === 0;
  if (all) {
    const run = () => void (plan.rootTree = prepareRootTree(rootfs, spec));
    steps.push({ field: "root.path", name: "copy the root's mounts", run });
  }
  const mounts = spec.mounts ?? [];
  for (let i = 0; i < mounts.length; i++) {
    const entry = mounts[i]!;
    if (!isBind(entry)) continue;
    const mapped = isMapped(entry);
    // a mapping is given to a process, by the number that it has here
    if (!all && !mapped) continue;
    if (placeInRoot(entry, rootfs) !== undefined) {
      // what it shows is known only when the mounts before it are there
      if (mapped) steps.push(mappingStep(plan, entry, i));
      continue;
    }
    steps.push({
      field: `mounts[${i}]`,
      name: `${mapped ? "map the owners of" : "copy"} ${JSON.stringify(entry.source ?? "")}`,
      run: () =>
        void trees.set(i, prepareBind(entry, { bundle, linux: spec.linux, keptHere: wantedPropagation(spec) })),
    });
  }
  return steps;
}

function mappingStep({ spec, mappings }: InitPlan, entry: Mount, index: number): Step {
  return {
    field: `mounts[${index}]`,
    name: "make the mapping of its owners",
    run: () => void mappings.set(index, userNamespaceFor(entry, spec.linux)),
  };
}

export function stepsBeforeBirth(plan: InitPlan, root: string): Step[] {
  const steps = cgroupComesFirst(plan) ? cgroupPart(plan, root, undefined) : [];
  steps.push(...ownRightsSteps(plan));
  if (plan.namespaces.newTime) {
    const { timeOffsets } = plan.spec.linux ?? {};
    const run = () => newTimeNamespace(timeOffsets);
    const name = timeOffsets ? "make a time namespace and set its clocks" : "make a time namespace";
    steps.push({ field: timeOffsets ? "linux.timeOffsets" : "linux.namespaces", name, run });
  }
  return steps;
}

/** A process that has ended has told why, which is heard later. */
function tell(channel: Channel, message: ToInit, passenger?: number): void {
  try {
    channel.send(message, passenger);
  } catch (error) {
    if (!isErrno(error, "EPIPE", "ECONNRESET")) throw error;
  }
}

/** Tells the new process that its cgroup is there, and hands it the seccomp program. */
function handOver({ spec, filter, cgroup }: InitPlan, root: string, { channel, record, moved }: Birth): void {
  const seccomp = spec.linux?.seccomp;
  const message: ToInit = moved ? { type: "cgroup", paths: cgroup.paths } : { type: "cgroup" };
  if (!seccomp) {
    tell(channel, message);
    return;
  }
  const { file, record: noted } = prepareSeccomp(root, seccomp, filter);
  record.seccomp = noted;
  tell(channel, message, file);
  close(file);
}

export function stepsAfterBirth(plan: InitPlan, root: string, birth: Birth): Step[] {
  const { spec, namespaces, state } = plan;
  const { linux = {} } = spec;
  const steps: Step[] = [];
  const add = (field: string, name: string, run: () => void) => void steps.push({ field, name, run });
  if (namespaces.newUser) {
    add("linux.uidMappings", "map the users and groups of the user namespace", () => {
      writeMaps(birth.pid, linux);
      tell(birth.channel, { type: "maps" });
    });
  }
  if (!cgroupComesFirst(plan)) steps.push(...cgroupPart(plan, root, birth));
  const { intelRdt, seccomp } = linux;
  if (intelRdt) {
    add("linux.intelRdt", "join a class of service", () => {
      birth.record.intelRdt = joinRdt(intelRdt, state.id, birth.pid, (group) =>
        noteRdt(folderOf(root, state.id), group),
      );
    });
  }
  add(
    seccomp ? "linux.seccomp" : "linux.cgroupsPath",
    seccomp
      ? "compile the seccomp filter, or take it from the cache, and hand it over"
      : "let the process join its cgroup",
    () => handOver(plan, root, birth),
  );
  return steps;
}

/** What the new process waits for, once its namespaces are there. */
export function answerSteps(plan: InitPlan, asked: "hooks" | "netDevices", birth: Birth): Step[] {
  const { spec } = plan;
  if (asked === "netDevices") {
    const devices = spec.linux?.netDevices ?? {};
    return [{ field: "linux.netDevices", name: "move devices in", run: () => moveNetDevices(devices, birth.pid) }];
  }
  return (["prestart", "createRuntime"] as const)
    .filter((kind) => spec.hooks?.[kind]?.length)
    .map((kind) => ({
      field: `hooks.${kind}`,
      name: "run hooks",
      run: () => runHooks(spec.hooks, kind, { ...plan.state, pid: birth.pid }),
    }));
}
