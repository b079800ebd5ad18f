import { equal, test } from "../../testing.ts";
import { answerOf, question, TYPE_A, TYPE_AAAA } from "./dns.ts";

const bytes = (...parts: (number | string)[]): number[] =>
  parts.flatMap((part) => (typeof part === "number" ? [part] : [...part].map((c) => c.charCodeAt(0))));

test("question() asks for one name, recursively", () => {
  equal(
    [...question(0x1234, "a.example", TYPE_A)],
    bytes(0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, "a", 7, "example", 0, 0, 1, 0, 1),
  );
});

/** An answer to the question above: an alias first, then the address. */
function answer(id: number, type: number, data: number[]): Uint8Array {
  const name = [0xc0, 12];
  const alias = [...name, 0, 5, 0, 1, 0, 0, 0, 60, 0, 2, 0xc0, 14];
  const address = [...name, 0, type, 0, 1, 0, 0, 0, 60, 0, data.length, ...data];
  const head = bytes(id >> 8, id & 255, 0x81, 0x80, 0, 1, 0, 2, 0, 0, 0, 0);
  return Uint8Array.from([...head, ...bytes(1, "a", 7, "example", 0, 0, type, 0, 1), ...alias, ...address]);
}

test("answerOf() finds the address behind aliases, and takes no packet for another question", () => {
  const packet = answer(7, TYPE_A, [10, 1, 2, 3]);
  equal([...answerOf(packet, 7, TYPE_A)!.address!], [10, 1, 2, 3]);
  equal(answerOf(packet, 8, TYPE_A), undefined);
  equal(answerOf(packet, 7, TYPE_AAAA), {});
  const v6 = Array.from({ length: 16 }, (_, i) => i);
  equal([...answerOf(answer(7, TYPE_AAAA, v6), 7, TYPE_AAAA)!.address!], v6);
  // A question is no answer, and neither is half a header.
  equal(answerOf(question(7, "a.example", TYPE_A), 7, TYPE_A), undefined);
  equal(answerOf(packet.subarray(0, 5), 7, TYPE_A), undefined);
});

test("answerOf() survives packets that are cut off anywhere", () => {
  const packet = answer(7, TYPE_A, [10, 1, 2, 3]);
  for (let length = 12; length < packet.length; length++) equal(answerOf(packet.subarray(0, length), 7, TYPE_A), {});
});
