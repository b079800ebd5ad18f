// The standard streams of one process, whatever they are connected to.
import type { Stdio } from "../child.ts";

/** What a process's streams are, as Create and Exec name them. */
export interface StdioSpec {
  stdin: string;
  stdout: string;
  stderr: string;
  terminal: boolean;
}

/** To whom the process's pipes and FIFOs are given (IoUid, IoGid). */
export interface Owner {
  uid: number;
  gid: number;
}

/**
 * Life: made (its sockets exist) → open() → launched() once the process has its descriptors → exited() → close(). close() is
 * possible at any time and undoes everything.
 */
export interface ProcessIO {
  /** Descriptors for the process. With a terminal all are undefined: they come through the console socket. */
  open(): Stdio;
  /** The process has its own copies: those given by open() are closed here. `master` is the terminal. */
  launched(master: number | undefined): void;
  closeStdin(): void;
  /** Takes what the process has left in its pipes: before its end is told. */
  exited(): void;
  /** Whether something lies where a reader takes it, and has not been taken; absent where there is no such place. */
  unread?(): boolean;
  /** Resolves when all output has been passed on, or after `ms` milliseconds. */
  drained(ms: number): Promise<void>;
  close(): void;
}
