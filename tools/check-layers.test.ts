// Plants every kind of violation and sees each found, and sees what is allowed let through.
import assert from "node:assert/strict";
import { test } from "node:test";
import { checkLayers } from "./check-layers.ts";
import { houseLints } from "./lib/house-lints.ts";

const PACKAGES = new Set(["good-package"]);

function problems(files: Record<string, string>): string[] {
  return checkLayers(new Map(Object.entries(files)), PACKAGES).map(
    ({ file, line, text }) => `${file}:${line}: ${text}`,
  );
}

const importing = (specifier: string) => `// x\nimport { x } from "${specifier}";\n`;

/** [what, importing file, specifier, the complaint]; the imported file is there. */
const FORBIDDEN: [what: string, file: string, specifier: string, complaint: RegExp][] = [
  ["linux → daemon", "src/linux/runt/a.ts", "../../daemon/b.ts", /linux world must not import the daemon world/],
  ["daemon → linux", "src/daemon/a.ts", "../linux/sys/b.ts", /daemon world must not import the linux world/],
  ["common → linux", "src/common/a.ts", "../linux/sys/b.ts", /common world must not import the linux world/],
  ["common → daemon", "src/common/a.ts", "../daemon/b.ts", /common world must not import the daemon world/],
  ["web → daemon", "src/web/a.ts", "../daemon/b.ts", /web world must not import the daemon world/],
  [
    "daemon → test support",
    "src/daemon/a.ts",
    "../../test/support/b.ts",
    /daemon world must not import the tools world/,
  ],
  ["tools → linux", "tools/a.ts", "../src/linux/sys/b.ts", /tools world must not import the linux world/],
  ["common → Node", "src/common/a.ts", "node:fs", /common world has no Node\.js, but this imports node:fs/],
  ["linux → Node", "src/linux/sys/a.ts", "node:fs", /linux world has no Node\.js/],
  ["linux test → Node", "src/linux/sys/a.test.ts", "node:test", /linux world has no Node\.js/],
  ["web → Node", "src/web/a.ts", "node:fs", /web world has no Node\.js/],
  ["common → package", "src/common/a.ts", "good-package", /common world uses no packages/],
  ["daemon → undeclared package", "src/daemon/a.ts", "left-pad", /uses no packages, but this imports "left-pad"/],
  ["sys → applet", "src/linux/sys/a.ts", "../runt/b.ts", /linux\/sys builds on nothing, not on linux\/runt/],
  ["runt → shim", "src/linux/runt/a.ts", "../shim/b.ts", /linux\/runt builds on sys, .*, not on linux\/shim/],
  ["applet not in the table", "src/linux/newcomer/a.ts", "../sys/b.ts", /src\/linux\/newcomer is not in the table/],
  ["program → test harness", "src/linux/runt/a.ts", "../testing.ts", /not on linux\/testing\.ts/],
  ["containerd → docker", "src/daemon/containerd/a.ts", "../docker/b.ts", /containerd must not know of daemon\/docker/],
  ["registry → containerd", "src/daemon/registry/a.ts", "../containerd/api.ts", /must not know of daemon\/containerd/],
  ["docker → store", "src/daemon/docker/a.ts", "../store/b.ts", /docker must not know of daemon\/store/],
  [
    "docker → inside containerd",
    "src/daemon/docker/a.ts",
    "../containerd/content/b.ts",
    /containerd interface .* alone/,
  ],
  ["code → test", "src/daemon/a.ts", "./b.test.ts", /a test is imported/],
  ["a file that is not there", "src/common/b.ts", "./gone.ts", /there is no file src\/common\/gone\.ts/],
];

for (const [what, file, specifier, complaint] of FORBIDDEN) {
  test(`checkLayers() finds ${what}`, () => {
    const files: Record<string, string> = { [file]: importing(specifier) };
    const target = new URL(specifier, `file:///${file}`).pathname.slice(1);
    if (specifier.startsWith(".") && !specifier.includes("gone")) files[target] = "// there\n";
    const found = problems(files);
    assert.equal(found.length, 1, found.join("\n"));
    assert.match(found[0]!, complaint);
    assert.ok(found[0]!.startsWith(`${file}:2: `), "names file and line");
  });
}

test("checkLayers() sees every form of import", () => {
  const there = '"../daemon/b.ts"';
  const forms = [
    `import { x } from ${there};`,
    `import type { X } from ${there};`,
    `import {\n  x,\n  y,\n} from ${there};`,
    `import * as b from ${there};`,
    `import ${there};`,
    `export { x } from ${there};`,
    `export * from ${there};`,
    `const b = await import(${there});`,
    `type X = import(${there}).X;`,
    `new Worker(new URL(${there}, import.meta.url));`,
  ];
  for (const form of forms) {
    const found = problems({ "src/common/a.ts": `// x\n${form}\n`, "src/daemon/b.ts": "// b\n" });
    assert.equal(found.length, 1, form);
  }
});

test("checkLayers() is not fooled by comments and prose", () => {
  const text =
    '// import { x } from "../daemon/b.ts";\n/*\n import "../daemon/b.ts";\n*/\nsay(`from "../daemon/b.ts"`);\n';
  assert.deepEqual(problems({ "src/common/a.ts": text, "src/daemon/b.ts": "// b\n" }), []);
});

test("checkLayers() finds a circle and shows it, also one of types", () => {
  const circle = {
    "src/common/a.ts": importing("./b.ts"),
    "src/common/b.ts": importing("./c.ts"),
    "src/common/c.ts": importing("./a.ts"),
  };
  const found = problems(circle);
  assert.equal(found.length, 1);
  assert.match(found[0]!, /a\.ts → src\/common\/b\.ts → src\/common\/c\.ts → src\/common\/a\.ts/);
  assert.equal(problems({ ...circle, "src/common/c.ts": 'import type { X } from "./a.ts";\n' }).length, 1);
  assert.deepEqual(problems({ ...circle, "src/common/c.ts": "// c\n" }), []);
});

test("checkLayers() lets through what the architecture allows", () => {
  assert.deepEqual(
    problems({
      "src/common/a.ts": "// a\n",
      "src/common/a.test.ts": `${importing("./a.ts")}import { test } from "node:test";\n`,
      "src/linux/sys/b.ts": importing("../../common/a.ts"),
      "src/linux/testing.ts": importing("./sys/b.ts"),
      "src/linux/sys/b.test.ts": `${importing("./b.ts")}${importing("../testing.ts")}`,
      "src/linux/shim/c.ts": `${importing("../sys/b.ts")}${importing("../runt/d.ts")}`,
      "src/linux/runt/d.ts": importing("../sys/b.ts"),
      "src/daemon/containerd/api.ts": importing("../../common/a.ts"),
      "src/daemon/docker/e.ts": `${importing("../containerd/api.ts")}${importing("good-package")}${importing("node:fs")}`,
      "test/kernel/f.test.ts": importing("../../src/daemon/docker/e.ts"),
    }),
    [],
  );
});

const LINTS: [what: string, file: string, source: string, complaint: RegExp][] = [
  ["a file without an opening comment", "src/common/a.ts", "const a = 1;\n", /opens with a comment/],
  ["a file that is too long", "src/common/a.ts", `// a\n${"x;\n".repeat(500)}`, /501 lines; 500 at most/],
  ["a default export", "src/common/a.ts", "// a\nexport default 1;\n", /no default exports/],
  ["a renamed default export", "src/common/a.ts", "// a\nexport { a as default };\n", /no default exports/],
  ["a function exported to nobody", "src/common/a.ts", "// a\nexport function f() {}\nf();\n", /f is exported, but no/],
  ["test.skip", "test/kernel/a.test.ts", '// a\ntest.skip("x", () => {});\n', /put aside/],
  ["describe.only", "test/kernel/a.test.ts", '// a\n  describe.only("x", () => {});\n', /put aside/],
  ["the option only", "src/common/a.test.ts", `test("x", { ${"only"}: true }, () => {});\n`, /put aside by an option/],
];

for (const [what, file, source, complaint] of LINTS) {
  test(`houseLints() finds ${what}`, () => {
    const found = houseLints(new Map([[file, source]]));
    assert.equal(found.length, 1);
    assert.match(found[0]!.text, complaint);
  });
}

test("houseLints() lets a good file through", () => {
  const good = {
    ...{ "src/common/a.ts": `// a\n${"x;\n".repeat(499)}`, "tools/b.ts": "#!/x\n/** b */\n", "src/x.d.ts": "" },
    ...{ "tools/c.ts": "// c\nexport const c = 1;\n", "tools/d.ts": '// d\nimport { c } from "./c.ts";\nc;\n' },
  };
  assert.deepEqual(houseLints(new Map(Object.entries(good))), []);
});
