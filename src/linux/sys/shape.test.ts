import { CONFIG_SHAPE, type FieldShape, faultOf, SECCOMP_SHAPE } from "../../common/oci/runtime-shape.ts";
import { equal, ok, test } from "../testing.ts";
import { checker } from "./shape.ts";

const CHECK = new Map([CONFIG_SHAPE, SECCOMP_SHAPE].map((shape) => [shape, checker(shape)]));

/** Values that a shape might meet, right and wrong ones. */
function* values(shape: FieldShape): Generator<unknown> {
  yield* [null, true, 7, -1, 1.5, 2 ** 40, 2 ** 70, Number.NaN, "text", "", [], [1], {}, { a: "b" }];
  if (shape.kind === "string" && shape.words) yield* shape.words;
  if (shape.kind === "number") yield* [shape.min, shape.max, shape.min - 1, shape.max * 4];
  if (shape.kind === "list") for (const inner of values(shape.of)) yield [inner];
  if (shape.kind === "map") for (const inner of values(shape.of)) yield { key: inner, constructor: inner };
  if (shape.kind !== "object") return;
  for (const [key, inner] of Object.entries(shape.fields))
    for (const value of values(inner)) yield* [{ [key]: value }, { [key]: value, novel: [null], toString: 1 }];
}

const copy = (value: unknown) => (value === undefined ? undefined : JSON.parse(JSON.stringify(value)));

test("what fits and what not is the same in C and in TypeScript, and null is taken away by both", () => {
  let fitting = 0;
  let all = 0;
  for (const [shape, check] of CHECK) {
    for (const value of values(shape)) {
      const [one, other] = [copy(value), copy(value)];
      const expected = faultOf(shape, one);
      const found = check(other);
      equal(JSON.stringify(found), JSON.stringify(expected), JSON.stringify(value));
      if (!expected) equal(JSON.stringify(other), JSON.stringify(one));
      fitting += expected ? 0 : 1;
      all++;
    }
  }
  ok(fitting > 700 && all > 4000, `${fitting} of ${all} fit`);
});

test("a value too deep and what is no shape do not fit", () => {
  const text: readonly unknown[] = [1];
  let deep: unknown = "x";
  let shape = text;
  for (let i = 0; i < 40; i++) {
    deep = [deep];
    shape = [5, shape];
  }
  equal(native.fits(shape, deep), false);
  equal(native.fits([5, text], ["x"]), true);
  equal(native.fits([], "x"), false);
  equal(native.fits([9], "x"), false);
  equal(native.fits([7, { a: [1] }], { a: "x" }), true);
  // an unknown field may be a known one in another case, which TypeScript knows
  equal(native.fits([7, { a: [1] }], { A: "x" }), false);
});
