// The key sequence that detaches from a container: "ctrl-p,ctrl-q". Keys that turn out to be no part of it are passed on.
import { WharfError } from "../errors.ts";
import { encodeUtf8 } from "../utf8.ts";

export const DEFAULT_DETACH_KEYS = "ctrl-p,ctrl-q";

/** The bytes of a sequence: single characters and ctrl-X, separated by commas. */
export function parseDetachKeys(text: string): Uint8Array {
  const bytes: number[] = [];
  for (const key of text.split(",")) {
    const control = /^ctrl-(.)$/i.exec(key)?.[1];
    if (control === undefined) {
      const encoded = [...key].length === 1 ? encodeUtf8(key) : undefined;
      if (!encoded) throw unknownKey(key, text);
      bytes.push(...encoded);
      continue;
    }
    const at = "@abcdefghijklmnopqrstuvwxyz[\\]^_".indexOf(control.toLowerCase());
    if (at < 0) throw unknownKey(key, text);
    bytes.push(at);
  }
  return Uint8Array.from(bytes);
}

function unknownKey(key: string, text: string): WharfError {
  return new WharfError(
    "InvalidArgument",
    `${JSON.stringify(key)} in the detach keys ${JSON.stringify(text)} is no key`,
    {
      hint: "a key is one character or ctrl- and one of a-z @ [ \\ ] ^ _, for example ctrl-p,ctrl-q",
    },
  );
}

/** Looks for the sequence in what is typed. */
export class DetachKeys {
  readonly #keys: Uint8Array;
  #matched = 0;
  /** How many of the matched bytes were sent already. */
  #sent = 0;

  constructor(keys: Uint8Array) {
    this.#keys = keys;
  }

  /** The beginning of the sequence is held back. */
  get pending(): boolean {
    return this.#matched > this.#sent;
  }

  /** What is held back, to be sent after all. The sequence can still be completed. */
  flush(): Uint8Array {
    const held = this.#keys.slice(this.#sent, this.#matched);
    this.#sent = this.#matched;
    return held;
  }

  /** A sequence begun too long ago is none any more. */
  forget(): void {
    if (!this.pending) this.#matched = this.#sent = 0;
  }

  /** The bytes to send now; `detach` when the sequence is complete (what follows it is dropped). */
  push(input: Uint8Array): { send: Uint8Array; detach: boolean } {
    const keys = this.#keys;
    if (keys.length === 0 || (this.#matched === 0 && !input.includes(keys[0]!))) return { send: input, detach: false };
    const send: number[] = [];
    for (const byte of input) {
      while (this.#matched > 0 && byte !== keys[this.#matched]) this.#retreat(send);
      if (byte === keys[this.#matched]) {
        this.#matched++;
        if (this.#matched === keys.length) {
          this.#matched = this.#sent = 0;
          return { send: Uint8Array.from(send), detach: true };
        }
      } else send.push(byte);
    }
    return { send: Uint8Array.from(send), detach: false };
  }

  /** The next byte does not fit: releases as many of the matched bytes as cannot start the sequence again. */
  #retreat(send: number[]): void {
    const keys = this.#keys;
    for (let shorter = this.#matched - 1; ; shorter--) {
      const gone = this.#matched - shorter;
      if (!keys.subarray(gone, this.#matched).every((byte, i) => byte === keys[i])) continue;
      send.push(...keys.subarray(Math.min(this.#sent, gone), gone));
      this.#sent = Math.max(0, this.#sent - gone);
      this.#matched = shorter;
      return;
    }
  }
}
