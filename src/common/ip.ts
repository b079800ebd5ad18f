// Numeric IP addresses as bytes.

/** 4 or 16 bytes in network order, or undefined when `text` is no address. */
export function parseIp(text: string): Uint8Array | undefined {
  return text.includes(":") ? parseIpv6(text) : parseIpv4(text);
}

function parseIpv4(text: string): Uint8Array | undefined {
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256)) return undefined;
  return Uint8Array.from(parts, Number);
}

function parseIpv6(text: string): Uint8Array | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const groups = halves.map((half) => (half === "" ? [] : half.split(":").flatMap(group)));
  const [front, back] = [groups[0]!, groups[1]];
  const given = front.length + (back?.length ?? 0);
  if ([...front, ...(back ?? [])].some(Number.isNaN) || (back ? given > 7 : given !== 8)) return undefined;
  const all = [...front, ...Array.from({ length: 8 - given }, () => 0), ...(back ?? [])];
  return Uint8Array.from(all.flatMap((value) => [value >> 8, value & 255]));
}

/** One 16-bit group, or the two of a trailing IPv4 address. */
function group(text: string): number[] {
  const v4 = text.includes(".") ? parseIpv4(text) : undefined;
  if (v4) return [(v4[0]! << 8) | v4[1]!, (v4[2]! << 8) | v4[3]!];
  return [/^[0-9a-fA-F]{1,4}$/.test(text) ? Number.parseInt(text, 16) : Number.NaN];
}
