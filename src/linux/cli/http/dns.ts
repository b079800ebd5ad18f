// Questions to a name server and their answers, as packets (RFC 1035).

export const TYPE_A = 1;
export const TYPE_AAAA = 28;
const CLASS_IN = 1;
const RECURSION_DESIRED = 0x0100;
const RESPONSE = 0x8000;
const HEADER = 12;

export function question(id: number, name: string, type: number): Uint8Array {
  const labels = name
    .split(".")
    .map((label) => [label.length, ...label].map((c) => (typeof c === "number" ? c : c.charCodeAt(0))));
  const head = [id >> 8, id & 255, RECURSION_DESIRED >> 8, 0, 0, 1, 0, 0, 0, 0, 0, 0];
  return Uint8Array.from([...head, ...labels.flat(), 0, 0, type, 0, CLASS_IN]);
}

/** Where a name ends. */
function afterName(packet: Uint8Array, at: number): number {
  for (;;) {
    const length = packet[at];
    if (length === undefined) return packet.length;
    if (length === 0) return at + 1;
    if (length >= 0xc0) return at + 2;
    at += length + 1;
  }
}

/** The first address of the answer, none when the name has none; undefined for a packet that is no answer to question `id`. */
export function answerOf(packet: Uint8Array, id: number, type: number): { address?: Uint8Array } | undefined {
  if (packet.length < HEADER) return undefined;
  const view = new DataView(packet.buffer, packet.byteOffset, packet.length);
  if (view.getUint16(0) !== id || !(view.getUint16(2) & RESPONSE)) return undefined;
  let at = HEADER;
  for (let i = view.getUint16(4); i > 0; i--) at = afterName(packet, at) + 4;
  for (let i = view.getUint16(6); i > 0; i--) {
    at = afterName(packet, at);
    if (at + 10 > packet.length) break;
    const length = view.getUint16(at + 8);
    const data = packet.subarray(at + 10, at + 10 + length);
    if (view.getUint16(at) === type && data.length === (type === TYPE_A ? 4 : 16)) return { address: data };
    at += 10 + length;
  }
  return {};
}
