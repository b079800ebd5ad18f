import assert from "node:assert/strict";
import { test } from "node:test";
import { unknownFields } from "../../../common/protobuf/schema.ts";
import { anyColumns, readAny } from "./any-rows.ts";

const BYTES = Uint8Array.of(0xc0, 0x3e, 7);

test("readAny() gives what anyColumns() made: any name of a type, and fields that Any does not have", () => {
  const value = Uint8Array.of(0xff, 0);
  for (const typeUrl of ["", "a.B", "https://x/a.B", "new\n", "\n", "a\nwD4H"]) {
    for (const more of [{}, { [unknownFields]: BYTES }]) {
      const any = { typeUrl, value, ...more };
      const [type, column] = anyColumns(any);
      const read = readAny(type, column) as typeof any & { [unknownFields]?: Uint8Array };
      assert.deepEqual([read.typeUrl, read.value], [typeUrl, value]);
      assert.deepEqual(read[unknownFields]?.join(), unknownFields in more ? BYTES.join() : undefined);
    }
  }
  assert.deepEqual(anyColumns(undefined), [null, null]);
  assert.equal(readAny(null, null), undefined);
});

test("anyColumns() keeps the plain name as it is, for a store that earlier versions wrote and read", () => {
  assert.deepEqual(anyColumns({ typeUrl: "a.B", value: BYTES }), ["a.B", BYTES]);
});
