/** The keys that detach a client from a terminal: `ctrl-p,ctrl-q` unless told otherwise. */

import { WharfError } from "../../../common/errors.ts";

export const DEFAULT_DETACH_KEYS = "ctrl-p,ctrl-q";

/** The bytes of a sequence like `ctrl-p,ctrl-q` or `a,ctrl-\\`. InvalidArgument. */
export function parseDetachKeys(text: string): Uint8Array {
  const bytes = text.split(",").map((key) => {
    const control = /^ctrl-([a-z@[\]\\^_])$/.exec(key);
    if (control) return control[1]!.toUpperCase().charCodeAt(0) & 0x1f;
    if (key.length === 1 && key.charCodeAt(0) < 128) return key.charCodeAt(0);
    throw new WharfError("InvalidArgument", `Invalid detach keys (${text}) provided`, {
      operation: "attach",
      subject: text,
      hint: "a sequence looks like ctrl-p,ctrl-q: single characters, or ctrl- and a letter or one of @[]\\^_",
    });
  });
  return Uint8Array.from(bytes);
}

/**
 * Looks for the sequence in a stream of input. A beginning of it is held back only until the next byte shows what it is, so
 * that the first key alone arrives with the key after it.
 */
export class DetachScanner {
  readonly #keys: Uint8Array;
  #held: number[] = [];

  constructor(keys: Uint8Array) {
    this.#keys = keys;
  }

  push(chunk: Uint8Array): { pass: Buffer; detached: boolean } {
    const out: number[] = [];
    for (const byte of chunk) {
      this.#held.push(byte);
      // What can no longer be the sequence goes on; its end may still begin it.
      while (this.#held.length > 0 && !this.#matches()) out.push(this.#held.shift()!);
      if (this.#held.length === this.#keys.length) return { pass: Buffer.from(out), detached: true };
    }
    return { pass: Buffer.from(out), detached: false };
  }

  #matches(): boolean {
    return this.#held.every((byte, at) => byte === this.#keys[at]);
  }
}
