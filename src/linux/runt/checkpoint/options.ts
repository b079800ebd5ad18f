// What checkpoint and restore can be asked for, and their flags, which are runc's.
import { WharfError } from "../../../common/errors.ts";
import { CgroupMode, NetworkLock, type Options } from "../../../common/gen/criu/rpc.ts";
import type { Init } from "../../../common/protobuf/codec.ts";
import { mkdirs, S_IFDIR, S_IFMT, statIfThere } from "../../sys/fs.ts";
import { CLONE } from "../../sys/process.ts";
import { lookPath } from "../../sys/program.ts";
import type { FlagSpec, Parsed } from "../flags.ts";
import { absolute } from "../launch-flags.ts";

/** Common to both directions. */
export interface CriuOptions {
  /** The program, or its path. */
  criu: string;
  /** Folder of the images; made when missing. */
  imagePath: string;
  /** Folder of the log and what else criu writes; absent: that of the images. */
  workPath?: string | undefined;
  tcpEstablished?: boolean | undefined;
  extUnixSockets?: boolean | undefined;
  shellJob?: boolean | undefined;
  fileLocks?: boolean | undefined;
  autoDedup?: boolean | undefined;
  lazyPages?: boolean | undefined;
  /** soft, full, strict, ignore; absent: criu's own. */
  cgroupsMode?: string | undefined;
  /** Types whose content is not kept. */
  emptyNamespaces?: readonly string[] | undefined;
}

export const CRIU_FLAGS = {
  "image-path": "string",
  "work-path": "string",
  "tcp-established": "bool",
  "ext-unix-sk": "bool",
  "shell-job": "bool",
  "file-locks": "bool",
  "auto-dedup": "bool",
  "lazy-pages": "bool",
  "manage-cgroups-mode": "string",
  "empty-ns": "list",
} as const satisfies FlagSpec;

export function criuOptions(parsed: Parsed, criu: string): CriuOptions {
  const workPath = parsed.string("work-path");
  return {
    criu,
    imagePath: absolute(parsed.string("image-path") || "checkpoint"),
    workPath: workPath ? absolute(workPath) : undefined,
    tcpEstablished: parsed.bool("tcp-established"),
    extUnixSockets: parsed.bool("ext-unix-sk"),
    shellJob: parsed.bool("shell-job"),
    fileLocks: parsed.bool("file-locks"),
    autoDedup: parsed.bool("auto-dedup"),
    lazyPages: parsed.bool("lazy-pages"),
    cgroupsMode: parsed.string("manage-cgroups-mode") || undefined,
    emptyNamespaces: parsed.list("empty-ns"),
  };
}

const CGROUP_MODES: Readonly<Record<string, number>> = {
  soft: CgroupMode.SOFT,
  full: CgroupMode.FULL,
  strict: CgroupMode.STRICT,
  ignore: CgroupMode.IGNORE,
};

function cgroupsMode(mode: string | undefined): number {
  if (mode === undefined) return CgroupMode.DEFAULT;
  const known = CGROUP_MODES[mode];
  if (known !== undefined) return known;
  throw new WharfError("InvalidArgument", `invalid --manage-cgroups-mode ${JSON.stringify(mode)}`, {
    hint: `one of ${Object.keys(CGROUP_MODES).join(", ")}`,
  });
}

/** Devices of a network namespace are others' work: they are not kept, whatever is asked for. */
function emptyNamespaces(types: readonly string[] = []): number {
  for (const type of types) {
    if (type !== "network")
      throw new WharfError("InvalidArgument", `--empty-ns: namespace ${JSON.stringify(type)} is not supported`);
  }
  return CLONE.NEWNET;
}

const LOG_EVERYTHING = 4;

/** criu keeps packets away meanwhile by iptables, and by itself if it is told so. */
function networkLock(): Init<Options> {
  try {
    lookPath("iptables-restore");
    return {};
  } catch {
    return { networkLock: NetworkLock.NFTABLES };
  }
}

/** The part of criu's options that is the same for both. */
export function commonOptions(options: CriuOptions, annotations: Readonly<Record<string, string>> = {}): Init<Options> {
  // a file of settings that goes before ours; the annotation names another one, or with an empty value none
  const config = annotations["org.criu.config"] ?? "/etc/criu/runc.conf";
  return {
    logLevel: LOG_EVERYTHING,
    notifyScripts: true,
    manageCgroups: true,
    manageCgroupsMode: cgroupsMode(options.cgroupsMode),
    shellJob: options.shellJob ?? false,
    extUnixSk: options.extUnixSockets ?? false,
    tcpEstablished: options.tcpEstablished ?? false,
    fileLocks: options.fileLocks ?? false,
    emptyNs: emptyNamespaces(options.emptyNamespaces),
    orphanPtsMaster: true,
    autoDedup: options.autoDedup ?? false,
    lazyPages: options.lazyPages ?? false,
    ...(config ? { configFile: config } : {}),
    ...networkLock(),
  };
}

/** --parent-path: relative to the folder of images, and there. */
export function checkParent(imagePath: string, parent: string): void {
  if (parent.startsWith("/")) {
    throw new WharfError("InvalidArgument", "--parent-path must be relative to the image path", { subject: parent });
  }
  const found = statIfThere(`${imagePath}/${parent}`);
  if (found && (found.mode & S_IFMT) === S_IFDIR) return;
  throw new WharfError("InvalidArgument", `invalid --parent-path: ${imagePath}/${parent} is no folder`, {
    subject: parent,
  });
}

export function makeFolder(path: string): void {
  mkdirs(path, 0o700);
}
