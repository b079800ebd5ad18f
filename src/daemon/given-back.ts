/** Memory outside of the engine's heap that is known to be of no use any more. */

/**
 * Frees the bytes, which nobody looks at any more: they have none from then on. Those of a part of a buffer stay. What the engine has to find out itself
 * counts as old until then, and a list of megabytes would bring on a collection of all that is.
 */
export function giveBack({ buffer, byteLength }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && byteLength === buffer.byteLength) buffer.transfer(0);
}
