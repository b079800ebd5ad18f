// SHA-256 by libcrypto.

const CONTEXT_SIZE = 112;

/** The digest of bytes or of a string's UTF-8, as 64 hex digits. */
export function sha256(data: Uint8Array | string): string {
  const bytes = typeof data === "string" ? native.bytes(data) : data;
  const context = new Uint8Array(CONTEXT_SIZE);
  const digest = new Uint8Array(32);
  native.call(native.symbol("SHA256_Init"), context);
  native.call(native.symbol("SHA256_Update"), context, bytes, bytes.length);
  native.call(native.symbol("SHA256_Final"), digest, context);
  return (digest as unknown as { toHex(): string }).toHex();
}
