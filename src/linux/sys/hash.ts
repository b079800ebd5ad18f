// SHA-256 by libcrypto.

const CONTEXT_SIZE = 112;

/** Of bytes that come piece by piece. */
export class Sha256 {
  readonly #context = new Uint8Array(CONTEXT_SIZE);

  constructor() {
    native.call(native.symbol("SHA256_Init"), this.#context);
  }

  update(bytes: Uint8Array): void {
    native.call(native.symbol("SHA256_Update"), this.#context, bytes, bytes.length);
  }

  /** The digest as 64 hex digits; nothing can be added after it. */
  hex(): string {
    const digest = new Uint8Array(32);
    native.call(native.symbol("SHA256_Final"), digest, this.#context);
    return (digest as unknown as { toHex(): string }).toHex();
  }
}

/** The digest of bytes or of a string's UTF-8, as 64 hex digits. */
export function sha256(data: Uint8Array | string): string {
  const hash = new Sha256();
  hash.update(typeof data === "string" ? native.bytes(data) : data);
  return hash.hex();
}
