// YAML as configuration files have it, and errors with line numbers for the rest.
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseYaml } from "./yaml.ts";

const cases: readonly (readonly [string, unknown])[] = [
  ["", null],
  ["# only\n---\n", null],
  ["a: 1\nb: x y # note\nc:\nd: ~\n", { a: 1, b: "x y", c: null, d: null }],
  [
    "---\na:\n  b:\n    - 1\n    - two\n  c: {x: 1, 'y': [a, \"b\"]}\n...\n",
    { a: { b: [1, "two"], c: { x: 1, y: ["a", "b"] } } },
  ],
  ["a:\n- x\n- y: 1\n  z: 2\n-\n  - 3\n- - 4\n  - 5\nb: []\n", { a: ["x", { y: 1, z: 2 }, [3], [4, 5]], b: [] }],
  [
    "- a: b:c\n- http://x/y\n- \"q: \\n\\u0041\"\n- 'it''s'\n- -5\n- --flag=1\n",
    [{ a: "b:c" }, "http://x/y", "q: \nA", "it's", -5, "--flag=1"],
  ],
  [
    "m: 0666\no: 0o17\nh: 0x1f\nf: 1.5\ne: 1e3\nv: 1.2.3\nt: true\nn: 'true'\n",
    { m: 438, o: 15, h: 31, f: 1.5, e: 1000, v: "1.2.3", t: true, n: "true" },
  ],
  [
    "a: |\n  one\n   two\n\n  three\nb: >-\n  x\n  y\nc: |+\n  z\n\n",
    { a: "one\n two\n\nthree\n", b: "x y", c: "z\n\n" },
  ],
  ["a: long\n  text\n  here\nb: 2\n", { a: "long text here", b: 2 }],
  ['{"json": [1, {"x": null}], "s": "a: b"}\n', { json: [1, { x: null }], s: "a: b" }],
  ["\"quoted key\": 1\n'other': 2\na-b.c/d: 3\n", { "quoted key": 1, other: 2, "a-b.c/d": 3 }],
  ["__proto__: 1\n", Object.defineProperty({}, "__proto__", { value: 1, enumerable: true })],
];
for (const [text, value] of cases) {
  test(`parseYaml() reads ${JSON.stringify(text)}`, () => assert.deepEqual(parseYaml(text), value));
}

for (const [text, why] of [
  ["a: 1\na: 2\n", /line 2: "a" is there twice/],
  ["a:\n\tb: 1\n", /line 2: tabs/],
  ["a: &x 1\n", /line 1: "&x 1" is not supported/],
  ["a: *x\n", /not supported/],
  ["a: !!str 1\n", /not supported/],
  ["a: [1,\n  2]\n", /line 1: .* is not closed on its line/],
  ["a: {x: 1\n", /not closed/],
  ['a: "x\n', /not closed/],
  ["a: 'x' y\n", /has something behind it/],
  ["a: 1\n  b: 2\n", /line 2: a value has something below it/],
  ["a: 1\nnothing\n", /line 2: "nothing" is no key/],
  ["- 1\na: 2\n", /line 2: .* not expected/],
  ['a: "\\q"\n', /no escape/],
] as const) {
  test(`parseYaml() refuses ${JSON.stringify(text)}`, () =>
    assert.throws(() => parseYaml(text), { code: "InvalidArgument", message: why }));
}
