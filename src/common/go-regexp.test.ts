import assert from "node:assert/strict";
import { test } from "node:test";
import { goRegExp } from "./go-regexp.ts";

const matching: [string, string][] = [
  ["^docker\\.io/library/.*$", "docker.io/library/a:1"],
  ["(?P<x>foo)(?<y>bar)", "foobar"],
  ["^\\pL\\p{Lu}\\p{Greek}\\P{Nd}\\p{^Lu}$", "äÄλxy"],
  ["(?i)^FOO$", "foo"],
  ["^a(?i)B|^C$", "c"],
  ["^a(?i:B)c$", "abc"],
  ["(?s)^a.b$", "a\nb"],
  ["(?m)^b$", "a\nb\nc"],
  ["^.$", "\u2028"],
  ["^.$", "😀"],
  ["(?U)^(?:a+)$", "aaa"],
  ["^\\Qa.b*\\E$", "a.b*"],
  ["^\\Qab\\E+$", "abbb"],
  ["^\\Qa)|(b\\E$", "a)|(b"],
  ["^\\Q\\Ea$", "a"],
  ["^a\\Q(b", "a(b"],
  ["\\Aabc\\z", "abc"],
  ["^[[:alpha:]_-]+[[:^digit:]]$", "ab-_x"],
  ["^[]a]+$", "]a"],
  ["^[^]]$", "a"],
  ["^[a\\]&&b-]+$", "&]-b"],
  ["^[\\d\\s]+$", "1 2"],
  ["^\\x41\\x{1F600}\\060\\t$", "A😀0\t"],
  ["^a{2}b{1,}c{,2}$", "aabbc{,2}"],
  ["^\\_\\-\\/\\{$", "_-/{"],
  ["^(?:^)*x$", "x"],
  ["(a|b|)c", "c"],
  ["", "anything"],
];
for (const [source, text] of matching)
  test(`goRegExp() matches ${JSON.stringify(text)} when it is ${source}`, () => assert.match(text, goRegExp(source)));

const different: [string, string][] = [
  ["^.$", "\n"],
  ["^b$", "a\nb"],
  ["^abc$", "abc\n"],
  ["^\\s$", "\u00a0"],
  ["^\\s$", "\v"],
  ["^a(?i)b$", "Ab"],
  ["^(?i:a)b$", "AB"],
  ["^\\Qab\\E+$", "abab"],
  ["^[^a]$", "a"],
  ["^\\pN$", "a"],
];
for (const [source, text] of different)
  test(`goRegExp() does not match ${JSON.stringify(text)} when it is ${source}`, () =>
    assert.doesNotMatch(text, goRegExp(source)));

const refused = [
  "(",
  ")",
  "[a",
  "[b-a]",
  "a**",
  "x*+",
  "*a",
  "(?=a)",
  "(?!a)",
  "(?<=a)",
  "(a)\\1",
  "\\8",
  "\\c",
  "a\\",
  "{2}a",
  "\\C",
];
for (const source of [...refused, "a{1001}", "a{2,1}", "(?P<>x)", "(?x)a", "[[:nope:]]", "\\p{Nope}", "\\x{110000}"])
  test(`goRegExp() refuses ${source}`, () => assert.throws(() => goRegExp(source)));
