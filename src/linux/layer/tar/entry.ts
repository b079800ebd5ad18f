// What a tar says of one file, whatever dialect it says it in.
import { WharfError } from "../../../common/errors.ts";

/** Type flags (pax(1), "ustar Interchange Format"; 'S' and below GNU's). */
export const TYPE = {
  file: 0x30,
  link: 0x31,
  symlink: 0x32,
  char: 0x33,
  block: 0x34,
  dir: 0x35,
  fifo: 0x36,
  contiguous: 0x37,
  global: 0x67,
  pax: 0x78,
  solarisPax: 0x58,
  gnuSparse: 0x53,
  gnuLongName: 0x4c,
  gnuLongLink: 0x4b,
} as const;

/** What an entry can be once it is read. */
export type EntryType = "file" | "link" | "symlink" | "char" | "block" | "dir" | "fifo";

/** A stretch of data inside a sparse file. */
export interface Extent {
  offset: number;
  length: number;
}

export interface Entry {
  type: EntryType;
  /** As it stands in the archive. Bytes that are no UTF-8 are U+DC80 to U+DCFF (see names.ts). */
  name: string;
  /** Of a link or symlink. */
  linkName: string;
  /** Permission bits, setuid, setgid and sticky included. */
  mode: number;
  uid: number;
  gid: number;
  /** Bytes of the file, holes included. */
  size: number;
  /** Bytes of data in the archive. */
  stored: number;
  /** Seconds since the epoch, rounded down, and the nanoseconds beyond. */
  mtime: number;
  mtimeNs: number;
  devMajor: number;
  devMinor: number;
  xattrs: Map<string, Uint8Array> | undefined;
  /** Where the data belongs when there are holes; in order, not overlapping. */
  sparse: Extent[] | undefined;
}

/** An archive that breaks its format's rules. */
export function malformed(what: string, cause?: unknown): WharfError {
  return new WharfError("DataLoss", `malformed tar: ${what}`, { operation: "read tar", cause });
}

export function truncated(where: string): WharfError {
  return new WharfError("DataLoss", `truncated tar: it ends inside ${where}`, { operation: "read tar" });
}
