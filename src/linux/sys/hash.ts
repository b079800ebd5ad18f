// SHA-256 by libcrypto.

const CONTEXT_SIZE = 112;

/** The digest of bytes or of a string's UTF-8, as 64 hex digits. */
export function sha256(data: Uint8Array | string): string {
  const bytes = typeof data === "string" ? native.bytes(data) : data;
  const context = new Uint8Array(CONTEXT_SIZE);
  native.call(native.symbol("SHA256_Init"), context);
  native.call(native.symbol("SHA256_Update"), context, bytes, bytes.length);
  return end(context);
}

function end(context: Uint8Array): string {
  const digest = new Uint8Array(32);
  native.call(native.symbol("SHA256_Final"), digest, context);
  return (digest as unknown as { toHex(): string }).toHex();
}

let asked = false;

/** Once a process: libcrypto finds out which instructions the processor has for it. That takes longer than to hash a few kilobytes without. */
function askProcessor(): void {
  if (!asked) native.call(native.symbol("OPENSSL_cpuid_setup"));
  asked = true;
}

/** Of much that comes piece by piece. */
export class Sha256 {
  readonly #context = new Uint8Array(CONTEXT_SIZE);
  readonly #update = native.symbol("SHA256_Update");

  constructor() {
    askProcessor();
    native.call(native.symbol("SHA256_Init"), this.#context);
  }

  /** Adds bytes, or what lies at an address. */
  update(data: Uint8Array | number, length: number): void {
    native.call(this.#update, this.#context, data, length);
  }

  /** `sha256:` and 64 hex digits; nothing can be added after it. */
  digest(): string {
    return `sha256:${end(this.#context)}`;
  }
}
