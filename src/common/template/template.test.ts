import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { inspectTemplate } from "../cli/format/inspect.ts";
import { sprintf } from "./printf.ts";
import { Template, TemplateError } from "./template.ts";
import { Nil, Struct } from "./values.ts";

interface Golden {
  data: unknown;
  cases: { template: string; output: string }[];
}

test("templates print what the real docker CLI printed", () => {
  const golden = JSON.parse(readFileSync(new URL("./golden.json", import.meta.url), "utf8")) as Golden;
  assert.ok(golden.cases.length > 100);
  for (const { template, output } of golden.cases) {
    let ours: string;
    try {
      ours = inspectTemplate(template)(JSON.stringify(golden.data));
    } catch (error) {
      ours = (error as Error).message;
    }
    assert.equal(ours, output, template);
  }
});

const run = (text: string, data: unknown = {}) => new Template(text).execute(data);

test("Struct has fields, methods, and an error for anything else", () => {
  const row = new Struct("*x.Row", { A: 1, B: () => "b", Label: (name: string) => `<${name}>` });
  assert.equal(run('{{.A}} {{.B}} {{.Label "k"}} {{json .}}', row), '1 b <k> {"A":1,"B":"b"}');
  assert.throws(() => run("{{.C}}", row), /can't evaluate field C in type \*x.Row/);
  assert.throws(() => run('{{.B "x"}}', row), /wrong number of args for B: want 0 got 1/);
  assert.throws(() => run("{{.Label}}", row), /wrong number of args for Label: want 1 got 0/);
});

test("nil of each kind counts as Go's", () => {
  const data = { s: new Nil("slice"), m: new Nil("map"), p: new Nil("pointer") };
  assert.equal(
    run("{{.s}} {{.m}} {{.p}} {{len .s}} {{json .m}}{{if .s}}x{{end}}{{range .m}}x{{end}}", data),
    "[] map[] <nil> 0 null",
  );
  assert.throws(() => run("{{.p.X}}", data), /nil pointer evaluating pointer.X/);
});

test("an endless template is stopped", () => {
  assert.throws(() => run('{{define "a"}}{{template "a"}}{{end}}{{template "a"}}'), /exceeded maximum template depth/);
});

test("printf keeps to Go's odd cases", () => {
  assert.equal(sprintf("%d%%", [5]), "5%");
  assert.equal(sprintf("100%", []), "100%!(NOVERB)");
  assert.equal(
    sprintf("%.1f %.1f %.0f %.0f %.2f %.1f", [2.25, 2.35, 0.5, 1.5, -1.005, -2.25]),
    "2.2 2.4 0 2 -1.00 -2.2",
  );
  assert.equal(sprintf("%s", [1, 2]).startsWith("%!s(int=1)%!(EXTRA int=2"), true);
  assert.equal(sprintf("%08.3f|%+.2e|%x|%X", [Math.PI, 12345.678, -255, 255]), "0003.142|+1.23e+04|-ff|FF");
  assert.equal(sprintf("%3c|%-3c|%q|%U", [65, 66, 67, 0x1f600]), "  A|B  |'C'|U+1F600");
});

test("garbage is refused, not executed, and never hangs", () => {
  let state = 7;
  const next = (below: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const words = [
    "{{",
    "}}",
    "{{-",
    "-}}",
    "if",
    "end",
    "range",
    "else",
    ".",
    ".A",
    "$x",
    ":=",
    "|",
    "(",
    ")",
    '"s"',
    "1",
    " ",
    "with",
    "define",
    "template",
    "/*",
    "*/",
    "and",
    "len",
    "'a'",
    "\n",
  ];
  for (let i = 0; i < 5000; i++) {
    const text = Array.from({ length: next(14) }, () => words[next(words.length)]!).join(next(2) ? " " : "");
    try {
      run(text, { A: [1, "b"] });
    } catch (error) {
      assert.ok(error instanceof TemplateError, `${text}\n${(error as Error).stack}`);
    }
  }
});
