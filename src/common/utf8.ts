/** UTF-8 in both worlds: the native host's functions where there are any, the platform's elsewhere. */

interface Platform {
  native?: {
    bytes(text: string): Uint8Array;
    utf8(buffer: ArrayBufferView | ArrayBuffer, offset?: number, length?: number): string;
  };
  TextEncoder?: new () => { encode(text: string): Uint8Array };
  TextDecoder?: new (label: string, options: { ignoreBOM: boolean }) => { decode(bytes: Uint8Array): string };
}

const platform = globalThis as unknown as Platform;
const native = platform.native;
const encoder = native ? undefined : new platform.TextEncoder!();
const decoder = native ? undefined : new platform.TextDecoder!("utf-8", { ignoreBOM: true });

/** Up to so many characters a loop is faster than the call; in the native host it never is. */
const SHORT = native ? 0 : 64;

/** Writes a short text of ASCII alone; false for any other, of which nothing is kept. `into` has room for it. */
export function writeAscii(text: string, into: Uint8Array, at: number): boolean {
  if (text.length > SHORT) return false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0x7f) return false;
    into[at + i] = code;
  }
  return true;
}

export function encodeUtf8(text: string): Uint8Array {
  return native ? native.bytes(text) : encoder!.encode(text);
}

export function decodeUtf8(bytes: Uint8Array): string {
  return native ? native.utf8(bytes) : decoder!.decode(bytes);
}
