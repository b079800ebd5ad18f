// SHA-256 over memory, by libcrypto with the processor's own instructions where it has them.

const CONTEXT_SIZE = 112;

let asked = false;

/** Once a process: libcrypto finds out which instructions there are. */
function askProcessor(): void {
  if (!asked) native.call(native.symbol("OPENSSL_cpuid_setup"));
  asked = true;
}

export class Sha256 {
  readonly #context = new Uint8Array(CONTEXT_SIZE);
  readonly #update = native.symbol("SHA256_Update");

  constructor() {
    askProcessor();
    native.call(native.symbol("SHA256_Init"), this.#context);
  }

  update(address: number, length: number): void {
    native.call(this.#update, this.#context, address, length);
  }

  /** `sha256:` and 64 hex digits; ends the hash. */
  digest(): string {
    const out = new Uint8Array(32);
    native.call(native.symbol("SHA256_Final"), out, this.#context);
    let text = "sha256:";
    for (const byte of out) text += byte.toString(16).padStart(2, "0");
    return text;
  }
}
