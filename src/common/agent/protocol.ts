/**
 * What the daemon asks of `wharf-agent`: every operation with its request and its answer. Frames are in frame.ts.
 *
 * A connection begins with a request. Short operations are answered in turn on a connection that is kept; a long one has a
 * connection of its own and is carried out by a forked child, which dies when the client hangs up.
 */

import type { ErrorData } from "../errors.ts";
import type { Attachment, AttachRequest, BridgeNetwork, DetachRequest } from "./network.ts";

/** `containerd.types.Mount`. */
export interface AgentMount {
  type: string;
  source: string;
  /** A path below the target of the whole list. */
  target?: string | undefined;
  options: readonly string[];
}

/** A tree: a list of mounts, which the agent makes in a mount namespace of its own, or a plain directory. */
export type Tree = { mounts: readonly AgentMount[]; binds?: readonly TreeBind[] | undefined } | { root: string };

/** A file or directory of the host, shown in a tree of mounts. */
export interface TreeBind {
  source: string;
  /** A path of the source that is shown instead of it; links in it stay inside the source. */
  subpath?: string | undefined;
  /** A path of the tree; links in it stay inside. Where there is nothing, nothing is shown. */
  target: string;
  readOnly?: boolean | undefined;
}

/** A path that differs between two trees, as Docker counts the kinds. */
export interface TreeChange {
  path: string;
  /** 0 modified, 1 added, 2 deleted. */
  kind: 0 | 1 | 2;
}

/** What a hostile layer may cost at most; unlimited where left out. */
export interface UnpackLimits {
  /** Bytes of the uncompressed tar. */
  size?: number | undefined;
  /** Entries of the tar. */
  entries?: number | undefined;
}

export interface UnpackRequest {
  /** What to unpack into. Of an overlay, its upper directory is written; a bind mount's source directly. */
  mounts: readonly AgentMount[];
  /** What whiteouts become: `overlay` (default) overlayfs's marks, `remove` the removal of what they name. */
  whiteouts?: "overlay" | "remove" | undefined;
  /** Tells the compression; when it is not a known layer type the first bytes do. */
  mediaType: string;
  /** The blob's file. Without it the blob follows in data frames. */
  blob?: string | undefined;
  /** The blob's file is still growing: data frames tell how far (64-bit big-endian), an empty one that it is whole. */
  follow?: boolean | undefined;
  /** DataLoss unless the uncompressed tar has this digest. */
  expectedDiffId?: string | undefined;
  limits?: UnpackLimits | undefined;
  /** Flushes the file system before answering. */
  syncFs?: boolean | undefined;
}

export interface UnpackAnswer {
  /** Digest of the uncompressed tar. */
  diffId: string;
  /** Bytes of the uncompressed tar. */
  size: number;
  /** Bytes of the blob. */
  blobSize: number;
  entries: number;
  usage: UsageAnswer;
  /**
   * Directories that had to be made although the layer has no entry for them and no lower directory was known: the
   * lower layers' attributes belong on them (operation `inherit`).
   */
  missingParents: readonly string[];
}

/** What a tree takes up. */
export interface TreeUsage extends UsageAnswer {
  /** Bytes that its files hold, directories left out. */
  content: number;
}

export interface UsageAnswer {
  /** Bytes on disk. */
  size: number;
  inodes: number;
}

export interface DiffRequest {
  lower: readonly AgentMount[];
  upper: readonly AgentMount[];
  /** Tells the compression: an OCI or Docker layer type. */
  mediaType: string;
  /** Seconds since the epoch; later times become this one. */
  sourceDateEpoch?: number | undefined;
}

export interface DiffAnswer {
  /** Of the uncompressed tar. */
  diffId: string;
  size: number;
  /** Of what was sent. */
  digest: string;
  blobSize: number;
}

export interface SpawnShimRequest {
  /** Absolute path of the shim. */
  binary: string;
  args: readonly string[];
  /** The whole environment, `NAME=value`. */
  env: readonly string[];
  cwd: string;
  /** Base64, given on stdin. */
  stdin?: string | undefined;
}

export interface SpawnShimAnswer {
  /** 128 + n after a signal. */
  exitCode: number;
  /** One character a byte (latin1): what `delete` answers is binary. */
  stdout: string;
  /** At most the last 64 KiB. */
  stderr: string;
}

/** A server that a worker speaks to over TCP. */
export interface Remote {
  /** Numeric, in the order they are tried. */
  addresses: readonly string[];
  port: number;
  /** The head of an HTTP request; one character a byte. */
  head: string;
  /** Milliseconds: until a connection stands, without anything moving, from the request's end until something comes back. */
  timeouts: { connect: number; stall: number; response: number };
}

/** What a connection broke by: an errno's name, ESTALL for a time-out, EUNREACHED for one of the connection that was to be made. */
export interface RemoteFailure {
  code: string;
  message: string;
}

export interface SendFileRequest extends Remote {
  /** The request's body, and how many bytes it has. */
  path: string;
  size: number;
}

export interface SendFileAnswer {
  failure?: RemoteFailure | undefined;
}

/** Where a body goes. */
export interface FetchTarget {
  path: string;
  /** Bytes of the body that are dropped. */
  skip: number;
  /** The place in the file of the first byte after those. */
  offset: number;
  /** Bytes at most. */
  length: number;
}

export interface FetchFileAnswer {
  failure?: RemoteFailure | undefined;
  /** Bytes that came into the file. */
  written: number;
}

/** What Docker's `X-Docker-Container-Path-Stat` is made of. */
export interface PathStat {
  /** The last part of the path as it was asked for; `/` for the root. */
  name: string;
  size: number;
  /** Permission and type bits as in st_mode; Docker's header has Go's. */
  mode: number;
  /** Seconds since the epoch, and the nanoseconds beyond. */
  mtime: number;
  mtimeNs: number;
  /** Where a link leads, as an absolute path of the tree; empty for anything else. */
  linkTarget: string;
}

export interface Owner {
  uid: number;
  gid: number;
}

/** Operation by operation: request, answer. */
export interface Operations {
  ping: [request: Record<never, never>, answer: { pid: number }];
  /** The list onto the target, in order; what a failure leaves is taken down again. */
  mount: [{ mounts: readonly AgentMount[]; target: string }, Record<never, never>];
  /** Whether the layers of an overlay, when they lie in this directory's file system, can show other owners than they have. */
  idmaps: [{ path: string }, { supported: boolean }];
  /** Everything on (recursive: and below) the target; nothing there is no error. */
  unmount: [{ target: string; recursive?: boolean | undefined; detach?: boolean | undefined }, Record<never, never>];
  /** `path`, looked up inside `root`, links too, is bound onto `target`, which is made. */
  mountBelow: [{ root: string; path: string; target: string }, Record<never, never>];
  /** The user namespace that a network namespace belongs to is bound onto `target`, which is made. */
  pinUserNamespace: [{ netns: string; target: string }, Record<never, never>];
  /** Makes a FIFO in place of a file that may be there. */
  makeFifo: [{ path: string }, Record<never, never>];
  /** How a shim that was started here has ended; no `end` while it runs, or when it is not known. */
  endOf: [{ pid: number }, { end?: { status: number; signal: number } | undefined }];
  unpack: [UnpackRequest, UnpackAnswer];
  /** Gives directories of `upper` the attributes that the first of `lowers` (nearest first) has for them. */
  inherit: [{ upper: string; lowers: readonly string[]; paths: readonly string[] }, Record<never, never>];
  /** Makes `target` a copy of the directory `source`, with everything that files have. What a failure leaves is the caller's. */
  copy: [{ source: string; target: string }, Record<never, never>];
  /** Sends the layer in data frames. */
  diff: [DiffRequest, DiffAnswer];
  /** Deletes trees; never follows a link or enters a mount, a missing path is no error. */
  remove: [{ paths: readonly string[] }, { inodes: number }];
  /** Of each path what it takes, or why it cannot be told. */
  usage: [{ paths: readonly string[] }, { usages: (TreeUsage | { error: ErrorData })[] }];
  spawnShim: [SpawnShimRequest, SpawnShimAnswer];
  /**
   * `start` of our own shim, by one that waits already. No `stdout`: nothing is done, and `spawnShim` has to be asked. `alone`: the container is in no group
   * for certain; otherwise its bundle is looked into.
   */
  hatchShim: [SpawnShimRequest & { alone?: boolean | undefined }, { stdout?: string | undefined }];
  /** Sends a file's content in data frames; its path is resolved inside the tree, links too. */
  readFile: [{ tree: Tree; path: string; maxSize?: number | undefined }, { size: number }];
  /**
   * Sends a file over a new TCP connection, and what comes back in data frames, until the other side has ended it or the client
   * has hung up. It is not sent further once something came back. DataLoss when the file is shorter than was said.
   */
  sendFile: [SendFileRequest, SendFileAnswer];
  /**
   * Sends a request over a new TCP connection, and its answer's head in data frames. Then the client says in a data frame (JSON, a
   * `FetchTarget`) where the body goes; an empty one has it sent in data frames, too, until the other side ends it.
   */
  fetchFile: [Remote, FetchFileAnswer];
  /** Sends the tree as a tar in data frames. */
  export: [{ tree: Tree }, { size: number }];
  /** `docker cp`: a path of the tree as a tar, named as Docker names it. */
  archiveGet: [{ tree: Tree; path: string }, { stat: PathStat }];
  /** Makes the bridge and its rules where they are missing. */
  networkEnsure: [{ network: BridgeNetwork }, Record<never, never>];
  /** Takes the bridge and its rules down. */
  networkRemove: [{ network: BridgeNetwork }, Record<never, never>];
  /** A network namespace with an address of the network and published ports. */
  networkAttach: [AttachRequest, Attachment];
  /** Undoes it, as far as there is something to undo. */
  networkDetach: [DetachRequest, Record<never, never>];
  archiveStat: [{ tree: Tree; path: string }, { stat: PathStat }];
  /**
   * Sends what an overlay's upper directory has over `lower`, one JSON `TreeChange` a line, in data frames. Of the paths `hidden`
   * it is not told that they were added.
   */
  changes: [
    { lower: readonly AgentMount[]; upper: string; hidden?: readonly string[] | undefined },
    { changes: number },
  ];
  /** Unpacks the tar of the data frames into a directory of the tree. */
  archivePut: [
    {
      tree: Tree;
      path: string;
      /** Refuses to replace a directory by something else and the other way round. */
      noOverwriteDirNonDir?: boolean | undefined;
      /** Whom everything belongs to; without it the archive says. */
      owner?: Owner | undefined;
    },
    Record<never, never>,
  ];
}

export type Operation = keyof Operations;
export type RequestOf<Op extends Operation> = Operations[Op][0];
export type AnswerOf<Op extends Operation> = Operations[Op][1];

/** A request frame. */
export type AgentRequest = {
  [Op in Operation]: { op: Op; traceparent?: string | undefined } & RequestOf<Op>;
}[Operation];

/** A progress frame. */
export interface Progress {
  /** Bytes of the blob done so far. */
  bytes: number;
}

/** Operations that the agent itself answers, one after the other. */
export const SHORT: ReadonlySet<Operation> = new Set<Operation>([
  "ping",
  "mount",
  "idmaps",
  "unmount",
  "mountBelow",
  "pinUserNamespace",
  "makeFifo",
  "endOf",
  "hatchShim",
  "networkEnsure",
  "networkRemove",
  "networkAttach",
  "networkDetach",
]);
