// checkpoint: a running container's processes as files, by criu; the container ends with it, unless it is to go on.
import { WharfError } from "../../../common/errors.ts";
import { RequestType } from "../../../common/gen/criu/rpc.ts";
import type { Spec } from "../../../common/oci/runtime.ts";
import { cgroupPids } from "../../cgroup/kill.ts";
import { folderOf } from "../../cgroup/paths.ts";
import { close, exists, Fd, fstat, O, open, S_IFDIR, S_IFMT } from "../../sys/fs.ts";
import { NR } from "../../sys/nr.ts";
import { openInRootIfThere } from "../../sys/openat2.ts";
import { openProcLink } from "../../sys/procfs.ts";
import { isRootless } from "../../sys/rootless.ts";
import { readBundle } from "../bundle.ts";
import { remove } from "../delete.ts";
import { type ContainerRecord, loadRecord, statusOf } from "../state.ts";
import { converse, needFeature } from "./criu.ts";
import { dumpedMounts, dumpedNamespaces, outsideMounts } from "./external.ts";
import { criuFailure } from "./log.ts";
import { type CriuOptions, checkParent, commonOptions, makeFolder } from "./options.ts";
import { keepStreams, outsideStreams, streamNames } from "./streams.ts";

export interface CheckpointOptions extends CriuOptions {
  leaveRunning?: boolean | undefined;
  /** Memory alone, while the container runs; later checkpoints name it as their parent. */
  preDump?: boolean | undefined;
  /** Folder of an earlier (pre-)dump, relative to that of the images. */
  parentPath?: string | undefined;
  tcpSkipInFlight?: boolean | undefined;
  linkRemap?: boolean | undefined;
  pageServer?: { address: string; port: number } | undefined;
  /** Gets a zero byte when pages can be asked for, with lazyPages. */
  statusFd?: number | undefined;
}

const LOG = "dump.log";
const O_ACCMODE = 3;

/** Masked files show the host's null device. */
function maskedFiles({ linux }: Spec, pid: number): string[] {
  using root = new Fd(openProcLink(`${pid}/root`, O.PATH | O.DIRECTORY));
  return (linux?.maskedPaths ?? []).filter((path) => {
    const place = openInRootIfThere(root.value, path, O.PATH);
    if (place === undefined) return false;
    using held = new Fd(place);
    return (fstat(held.value).mode & S_IFMT) !== S_IFDIR;
  });
}

function checkStatusFd(fd: number): void {
  const flags = native.syscall(NR.fcntl, fd, 3, 0);
  if (flags < 0 || (flags & O_ACCMODE) === 0) {
    throw new WharfError("InvalidArgument", `--status-fd ${fd} is not open for writing`);
  }
}

function checked(root: string, id: string, options: CheckpointOptions): ContainerRecord {
  const record = loadRecord(root, id);
  const status = statusOf(root, record);
  if (status !== "running" && status !== "paused") {
    throw new WharfError("FailedPrecondition", `container cannot be checkpointed in ${status} state`, { subject: id });
  }
  makeFolder(options.imagePath);
  if (options.parentPath !== undefined) checkParent(options.imagePath, options.parentPath);
  if (options.statusFd !== undefined) checkStatusFd(options.statusFd);
  return record;
}

export function checkpoint(root: string, id: string, options: CheckpointOptions, warn: (text: string) => void): void {
  const record = checked(root, id, options);
  const { criu, imagePath, preDump = false, leaveRunning = false, statusFd } = options;
  if (isRootless()) warn("checkpoints of rootless containers depend on what criu can do without privilege");
  const { spec } = readBundle(record.bundle);
  const { pid } = record.init!;
  if (options.workPath) makeFolder(options.workPath);
  if (preDump) needFeature(criu, "memTrack", "memory tracking, which --pre-dump needs");
  if (options.lazyPages) needFeature(criu, "lazyPages", "userfaultfd, which --lazy-pages needs");
  using images = new Fd(open(imagePath, O.RDONLY | O.DIRECTORY));
  using work = options.workPath ? new Fd(open(options.workPath, O.RDONLY | O.DIRECTORY)) : undefined;
  const freezer = record.cgroup && folderOf(record.cgroup, "freezer");
  const streams = streamNames(record, record.cgroup ? cgroupPids(record.cgroup) : []);
  if (!preDump) keepStreams(imagePath, streams);
  const outside = outsideMounts(spec, record.bundle, record.rootfs, record.cgroup);
  const opts = {
    ...commonOptions(options, record.annotations),
    imagesDirFd: images.value,
    ...(work ? { workDirFd: work.value } : {}),
    logFile: LOG,
    root: record.rootfs,
    pid,
    leaveRunning,
    tcpSkipInFlight: options.tcpSkipInFlight ?? false,
    linkRemap: options.linkRemap ?? false,
    external: [...dumpedNamespaces(spec), ...outsideStreams(streams)],
    ...(freezer && exists(freezer) ? { freezeCgroup: freezer } : {}),
    ...(options.pageServer ? { ps: options.pageServer } : {}),
    ...(options.parentPath !== undefined ? { parentImg: options.parentPath, trackMem: true } : {}),
    extMnt: preDump ? [] : dumpedMounts(outside, maskedFiles(spec, pid)),
  };
  const answer = converse({
    criu,
    stdio: [undefined, undefined, undefined],
    passed: [],
    request: () => ({ type: preDump ? RequestType.PRE_DUMP : RequestType.DUMP, opts }),
    notified({ script }) {
      if (script !== "status-ready" || statusFd === undefined) return;
      native.syscall(NR.write, statusFd, new Uint8Array(1), 1);
      close(statusFd);
    },
  });
  if (!answer.success) {
    throw criuFailure("dump the container", `${options.workPath ?? imagePath}/${LOG}`, answer.crErrmsg);
  }
  if (!leaveRunning && !preDump) remove(root, id, true, warn);
}
