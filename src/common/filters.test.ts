import assert from "node:assert/strict";
import { test } from "node:test";
import { isCode } from "./errors.ts";
import { mapField, parseFilter, parseFilters } from "./filters.ts";

const object = { name: "foo", labels: { bar: "1", "very complex label": "a,b", "a.b": "x" } };
const adaptor = (path: readonly string[]) =>
  path[0] === "name" ? object.name : path[0] === "labels" ? mapField(path.slice(1), object.labels) : undefined;

const cases: [string, boolean][] = [
  ["", true],
  ["name==foo", true],
  ["name!=foo", false],
  ["name==bar", false],
  ["labels.bar", true],
  ["labels.none", false],
  ["labels.none!=x", true],
  ["name==foo,labels.bar==1", true],
  ["name==foo,labels.bar==2", false],
  [' name == "foo" , labels.bar == 1 ', true],
  ['labels."very complex label"=="a,b"', true],
  ["labels.a.b==x", true],
  ['labels."a.b"==x', true],
  ["name~=^f", true],
  ["name~=^o", false],
  ["name~=/^f(o|x)+$/", true],
  ["name~=|o{2}|", true],
  ["name~=/\\w+/", true],
  ["name~=(?i)^FOO$", true],
  ["name~=^f\\-", false],
  ['name=="\\x66\\u006f\\157"', true],
  ["name==foo.bar/baz:1", false],
];

for (const [text, expected] of cases) {
  test(`parseFilter() answers ${expected} when the filter is ${text || "empty"}`, () => {
    assert.equal(parseFilter(text)(adaptor), expected);
  });
}

for (const text of [
  "==",
  "name=foo",
  "name==",
  "name==foo,",
  ",",
  "name=>x",
  'name=="foo',
  "name~=/(/",
  "name==/x/",
  'name=="\\q"',
  "a.",
  "name==foo bar",
]) {
  test(`parseFilter() refuses ${text}`, () => {
    assert.throws(
      () => parseFilter(text),
      (error) => isCode(error, "InvalidArgument"),
    );
  });
}

test("parseFilters() matches when any of several filters does", () => {
  assert.equal(parseFilters(["name==x", "labels.bar"])(adaptor), true);
  assert.equal(parseFilters(["name==x", "labels.no"])(adaptor), false);
  assert.equal(parseFilters([])(adaptor), true);
});
