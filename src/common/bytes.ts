/** One array of the parts, in their order. @param length the sum of theirs, where it is known */
export function concat(parts: readonly Uint8Array[], length = sum(parts)): Uint8Array {
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function sum(parts: readonly Uint8Array[]): number {
  return parts.reduce((length, part) => length + part.length, 0);
}
