// What a program says: data to stdout, talk to stderr. A reader that has gone away ends the saying, not the program.
import { describe, hintOf } from "../../common/errors.ts";
import { isErrno } from "./call.ts";
import { writeAll } from "./fs.ts";

function print(fd: number, text: string | Uint8Array): void {
  try {
    writeAll(fd, text);
  } catch (error) {
    if (!isErrno(error, "EPIPE", "EBADF")) throw error;
  }
}

export function stdout(text: string | Uint8Array): void {
  print(1, text);
}

export function stderr(text: string): void {
  print(2, text);
}

/** "name: cause chain" and the hint, to stderr. */
export function complain(name: string, error: unknown): void {
  const hint = hintOf(error);
  stderr(`${name}: ${describe(error)}\n${hint ? `hint: ${hint}\n` : ""}`);
}
