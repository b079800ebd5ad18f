import assert from "node:assert/strict";
import { test } from "node:test";
import { WharfError } from "../errors.ts";
import * as s from "./schema.ts";

const Inner = s.object("Inner", { Name: s.string(), Size: s.optional(s.integer()) });
const Outer = s.object("Outer", {
  Id: s.string(),
  Inner: s.optional(Inner),
  List: s.optional(s.array(s.string())),
  Map: s.optional(s.map(s.nullable(s.object("", {})))),
  Kind: s.optional(s.oneOf("a", "b")),
  Flag: s.optional(s.boolean()),
});

const fault = (value: unknown, message: string) =>
  assert.throws(
    () => s.parse(Outer, value),
    (error: unknown) => error instanceof WharfError && error.code === "InvalidArgument" && error.message === message,
  );

test("parse() keeps declared fields, takes null as absent and any case of a name", () => {
  const value = s.parse(Outer, { id: "x", INNER: { name: "n", Size: null }, More: 1, List: null, Kind: "a" });
  assert.deepEqual(value, { Id: "x", Inner: { Name: "n" }, Kind: "a" });
  const typed: s.Infer<typeof Outer> = value;
  assert.equal(typed.Inner?.Name, "n");
});

test("parse() prefers the exact name over another case", () => {
  assert.equal(s.parse(Outer, { ID: "wrong", Id: "right" }).Id, "right");
});

test("parse() names the field that does not fit", () => {
  fault({}, "Id is missing");
  fault([], "the request body must be an object, not []");
  fault({ Id: 5 }, "Id must be a string, not 5");
  fault({ Id: "x", Inner: { Name: "n", Size: 1.5 } }, "Inner.Size must be a whole number, not 1.5");
  fault({ Id: "x", List: ["a", {}] }, "List[1] must be a string, not {}");
  fault({ Id: "x", Kind: "c" }, 'Kind must be one of a, b, not "c"');
});

test("parse() treats __proto__ as any other key of a map", () => {
  const value = s.parse(s.map(s.string()), JSON.parse('{"__proto__":"x"}'));
  assert.equal(Object.keys(value).length, 1);
  assert.equal(({} as Record<string, unknown>).x, undefined);
});

test("partial() makes every field optional, nullable ones too", () => {
  const Whole = s.object("Whole", { A: s.string(), B: s.nullable(s.array(s.string())) });
  assert.deepEqual(s.parse(s.partial(Whole), { B: null }), {});
});
