import assert from "node:assert/strict";
import { test } from "node:test";
import { parseToml } from "./toml.ts";

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

test("parseToml() reads tables, dotted and quoted keys, lists of tables, and all kinds of values", () => {
  const text = `
# a comment
title = "a \\"quoted\\" \\u00e9" # another
insecure-registries = [
  "10.0.0.0/8", # with a comment
  'lit\\eral',
]
a.b.c = 1_000
hex = 0xff
float = -1.5e3
yes = true
long = """
one \\
   two
three"""
inline = { x = 1, "y z" = [1, 2], deep.er = false }

[registries."docker.io"]
server = "https://x"
[registries."docker.io".host."https://m"]
capabilities = ["pull"]

[[list]]
n = 1
[[list]]
n = 2
[list.sub]
m = 3
`;
  assert.deepEqual(plain(parseToml(text)), {
    title: 'a "quoted" é',
    "insecure-registries": ["10.0.0.0/8", "lit\\eral"],
    a: { b: { c: 1000 } },
    hex: 255,
    float: -1500,
    yes: true,
    long: "one two\nthree",
    inline: { x: 1, "y z": [1, 2], deep: { er: false } },
    registries: { "docker.io": { server: "https://x", host: { "https://m": { capabilities: ["pull"] } } } },
    list: [{ n: 1 }, { n: 2, sub: { m: 3 } }],
  });
  assert.deepEqual(plain(parseToml("")), {});
});

test("parseToml() names the line of a fault", () => {
  for (const [text, message] of [
    ["a = 1\nb", /^line 2: = is missing$/],
    ["a = 1\na = 2", /^line 2: a is set twice$/],
    ["a = x", /^line 1: "x" is no value/],
    ["a = 01", /is no value/],
    ['a = "x\nb', /closing quote/],
    ["[a]\n[a]", /^line 2: the table a is defined twice$/],
    ["a = 1 2", /something follows/],
    ['a = "\\q"', /no escape/],
    ["a = [1 2]", /comma/],
    ["a = 1\n[a.b]", /a is no table/],
  ] as const)
    assert.throws(() => parseToml(text), { message }, text);
});

test("parseToml() has no special keys", () => {
  const value = parseToml("[__proto__]\nx = 1");
  assert.equal(({} as Record<string, unknown>).x, undefined);
  assert.deepEqual(Object.keys(value), ["__proto__"]);
});
