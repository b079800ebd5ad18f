// What unpacking is told, and what it tells.
import type { LateXattr } from "./metadata.ts";

export interface UnpackOptions {
  /**
   * `overlay` turns whiteouts into overlayfs's devices and opaque marks; `remove` takes away what they name, of a tree that has the lower
   * layers already; `none` takes such names for ordinary ones.
   */
  whiteouts: "overlay" | "remove" | "none";
  /** The tree was not empty before: owners and modes of new files are set even where they seem right. */
  careful?: boolean | undefined;
  /** Most entries that are taken. */
  maxEntries?: number | undefined;
  /** Whom everything belongs to, whatever the archive says. */
  owner?: { uid: number; gid: number } | undefined;
  /** Refuses to replace a directory by something else and the other way round. */
  keepKinds?: boolean | undefined;
}

export interface UnpackResult {
  entries: number;
  /** Bytes on disk, as far as they can be told without asking the file system; and inodes. */
  usage: { size: number; inodes: number };
  /** Directories that hide all below them: `trusted.overlay.opaque` is still to be set. */
  opaque: string[];
  lateXattrs: LateXattr[];
  /** Directories that the archive needs and has no entry for. */
  missingParents: string[];
}
