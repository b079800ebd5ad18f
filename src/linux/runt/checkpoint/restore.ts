// restore: a container from a checkpoint's files, by criu, whose sibling its first process becomes.
import { WharfError } from "../../../common/errors.ts";
import { type Options, RequestType } from "../../../common/gen/criu/rpc.ts";
import type { Spec } from "../../../common/oci/runtime.ts";
import type { Init } from "../../../common/protobuf/codec.ts";
import { joinCgroup, openJoinFiles } from "../../cgroup/join.ts";
import { killCgroup } from "../../cgroup/kill.ts";
import { locateCgroup, makeBeside, NOT_OURS, refuseTaken } from "../../cgroup/make.ts";
import type { CgroupPaths } from "../../cgroup/paths.ts";
import { removeCgroup } from "../../cgroup/remove.ts";
import { inNamespace } from "../../net/netns.ts";
import { close, Fd, O, open } from "../../sys/fs.ts";
import { CLONE, pidfdOpen, SIGNALS } from "../../sys/process.ts";
import { openProcLink, readProc, readProcLink } from "../../sys/procfs.ts";
import { timestamp } from "../../sys/time.ts";
import { type Bundle, readBundle } from "../bundle.ts";
import { cgroupSteps } from "../cgroup-steps.ts";
import { announce, type Created, type CreateOptions, takeConsole } from "../create.ts";
import { runHooks } from "../hooks.ts";
import { joinRdt, removeRdt } from "../intel-rdt.ts";
import { bringUpLoopback } from "../loopback.ts";
import { planNamespaces } from "../namespaces.ts";
import { run } from "../plan.ts";
import { recordOf } from "../record.ts";
import { prepareSeccomp } from "../seccomp.ts";
import {
  type ContainerRecord,
  claim,
  folderOf,
  noteCgroup,
  noteRdt,
  processStat,
  removeFolder,
  saveRecord,
} from "../state.ts";
import { hookState } from "../view.ts";
import { converse } from "./criu.ts";
import { outsideMounts, restoredMounts, restoredNamespaces } from "./external.ts";
import { criuFailure } from "./log.ts";
import { type CriuOptions, commonOptions, makeFolder } from "./options.ts";
import { OwnMounts, preparePlaces } from "./root.ts";
import { inheritedStreams } from "./streams.ts";

export interface RestoreOptions extends CriuOptions, CreateOptions {
  /** TYPE:NAME, of AppArmor or SELinux. */
  lsmProfile?: string | undefined;
  lsmMountContext?: string | undefined;
}

const LOG = "restore.log";

/** criu's own cgroups: what is restored goes below them. */
function rootsOf(pid: number): { ctrl: string; path: string }[] {
  return readProc(`${pid}/cgroup`)
    .trimEnd()
    .split("\n")
    .map((line) => {
      const [, ctrl = "", ...path] = line.split(":");
      return { ctrl, path: path.join(":") };
    });
}

function optionsOf(options: RestoreOptions, bundle: Bundle, cgroup: CgroupPaths): Init<Options> {
  const { spec, rootfs } = bundle;
  const { lsmProfile, lsmMountContext } = options;
  const masked = (spec.linux?.maskedPaths?.length ?? 0) > 0;
  return {
    ...commonOptions(options, spec.annotations),
    logFile: LOG,
    root: rootfs,
    rstSibling: true,
    evasiveDevices: true,
    // FIFOs that take the place of others have modes of their own
    skipFileRwxCheck: true,
    extMnt: restoredMounts(outsideMounts(spec, bundle.path, rootfs, cgroup), masked),
    ...(lsmProfile ? { lsmProfile } : {}),
    ...(lsmMountContext ? { lsmMountContext } : {}),
  };
}

function check(options: RestoreOptions, spec: Spec): void {
  if (!spec.process) throw new WharfError("InvalidArgument", "config.json: process: is missing");
  if (spec.process.terminal && !options.console) {
    throw new WharfError("InvalidArgument", "process.terminal is set, but nobody takes the terminal", {
      hint: "give --console-socket, or restore without --detach",
    });
  }
}

export function restore(options: RestoreOptions): Created {
  const bundle = readBundle(options.bundle);
  const { spec } = bundle;
  check(options, spec);
  openImages(options.imagePath)[Symbol.dispose]();
  const folder = claim(options.root, options.id);
  let cgroup: CgroupPaths | undefined;
  try {
    cgroup = locateCgroup({ path: spec.linux?.cgroupsPath || undefined, id: options.id, systemd: options.systemd });
    refuseTaken(cgroup);
    noteCgroup(folder, cgroup);
    return bringBack(options, bundle, cgroup);
  } catch (error) {
    // what is somebody else's stays as it is
    if (cgroup && !(error instanceof WharfError && error.operation === NOT_OURS)) {
      killCgroup(cgroup, SIGNALS.KILL);
      removeCgroup(cgroup);
    }
    removeFolder(options.root, options.id);
    throw error;
  }
}

function openImages(path: string): Fd {
  try {
    return new Fd(open(path, O.RDONLY | O.DIRECTORY));
  } catch (cause) {
    throw new WharfError("NotFound", `there is no checkpoint at ${path}`, {
      cause,
      subject: path,
      hint: "name its folder with --image-path",
    });
  }
}

function bringBack(options: RestoreOptions, bundle: Bundle, cgroup: CgroupPaths): Created {
  const { root, id, workPath, imagePath } = options;
  const { path, rootfs, spec } = bundle;
  const namespaces = planNamespaces((spec.linux?.namespaces ?? []).map(({ type }) => ({ type })));
  const record = recordOf({
    id,
    bundle: path,
    rootfs,
    spec,
    cgroup,
    namespaces,
    created: timestamp(),
    noPivot: options.noPivot,
    noNewKeyring: options.noNewKeyring,
  });
  if (spec.linux?.seccomp) {
    const { file, record: noted } = prepareSeccomp(root, spec.linux.seccomp, undefined);
    close(file);
    record.seccomp = noted;
  }
  if (workPath) makeFolder(workPath);
  preparePlaces(rootfs, path, spec);
  const moved = () => noteCgroup(folderOf(root, id), cgroup);
  const limited = (pid: number) => run(cgroupSteps(cgroup, spec, { id, pid, moved }), options.trace);
  // systemd moves criu's process, when it is there; otherwise it joins by itself
  if (!cgroup.systemd) {
    if (cgroup.mode === "v1") makeBeside(cgroup);
    limited(0);
  }
  const joinFiles = cgroup.systemd ? [] : openJoinFiles(cgroup, true);
  const outside = restoredNamespaces(spec);
  const ownNet = (spec.linux?.namespaces ?? []).some(({ type, path: from }) => type === "network" && !from);
  using mounts = new OwnMounts(rootfs);
  using images = openImages(imagePath);
  using work = workPath ? new Fd(open(workPath, O.RDONLY | O.DIRECTORY)) : undefined;
  const opts: Init<Options> = {
    ...optionsOf(options, bundle, cgroup),
    imagesDirFd: images.value,
    ...(work ? { workDirFd: work.value } : {}),
    inheritFd: [...inheritedStreams(imagePath), ...outside.inherit],
    joinNs: outside.join,
  };
  const streams = spec.process!.terminal ? [undefined, undefined, undefined] : [0, 1, 2];
  try {
    const answer = converse({
      criu: options.criu,
      stdio: streams,
      passed: outside.fds,
      before: () => joinCgroup(joinFiles),
      request(pid) {
        if (cgroup.systemd) limited(pid);
        const { intelRdt } = spec.linux ?? {};
        if (intelRdt) record.intelRdt = joinRdt(intelRdt, id, pid, (group) => noteRdt(folderOf(root, id), group));
        return { type: RequestType.RESTORE, opts: { ...opts, cgRoot: rootsOf(pid) } };
      },
      notified: ({ script, pid }, fd) => followed(options, record, mounts, ownNet, { script, pid, fd }),
    });
    if (!answer.success) throw criuFailure("restore the container", `${workPath ?? imagePath}/${LOG}`, answer.crErrmsg);
  } catch (error) {
    if (record.intelRdt) removeRdt(record.intelRdt);
    throw error;
  } finally {
    for (const fd of [...joinFiles, ...outside.fds]) close(fd);
  }
  const { pid } = record.init!;
  const pidfd = pidfdOpen(pid);
  announce(options, pid, pidfd);
  return { pid, pidfd, record, runs: true };
}

/** Devices of a network namespace are not kept: it has a loopback device, which is down, and addresses of sockets are its. */
function loopbackOf(pid: number): void {
  using namespace = new Fd(openProcLink(`${pid}/ns/net`));
  inNamespace(namespace.value, bringUpLoopback);
}

interface Told {
  script: string;
  pid: number;
  fd: number | undefined;
}

/** What criu tells on the way. */
function followed(
  options: RestoreOptions,
  record: ContainerRecord,
  mounts: OwnMounts,
  ownNet: boolean,
  { script, pid, fd }: Told,
): void {
  if (script === "setup-namespaces") {
    if (ownNet) loopbackOf(pid);
    const state = { ...hookState(record, "creating"), pid };
    mounts.outside(() => {
      runHooks(record.hooks, "prestart", state);
      runHooks(record.hooks, "createRuntime", state);
    });
  } else if (script === "post-restore") {
    record.init = { pid, startTime: processStat(pid)?.startTime ?? "" };
    // criu keeps a container's clocks by a time namespace of its own
    if (readProcLink(`${pid}/ns/time`) !== readProcLink("self/ns/time")) record.namespaces |= CLONE.NEWTIME;
    saveRecord(options.root, record);
  } else if (script === "orphan-pts-master" && fd !== undefined) takeConsole(options, fd);
  else if (fd !== undefined) close(fd);
}
