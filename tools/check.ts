// Is the code in order? Types, format and lint, layers, house rules: all at once, in seconds. Changes nothing.
import { spawn } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { checkLayers, type Problem } from "./check-layers.ts";
import { houseLints } from "./lib/house-lints.ts";
import { ROOT } from "./lib/native.ts";

interface Result {
  name: string;
  /** Empty when all is well. */
  findings: string;
}

function command(name: string, program: string, args: string[]): Promise<Result> {
  return new Promise((resolve, reject) => {
    const child = spawn(join(ROOT, program), args, {
      cwd: ROOT,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    const collect = (text: string) => {
      output += text;
    };
    child.stdout.setEncoding("utf8").on("data", collect);
    child.stderr.setEncoding("utf8").on("data", collect);
    child.on("error", reject);
    child.on("close", (code) => resolve({ name, findings: code === 0 ? "" : output.trim() || `exit code ${code}` }));
  });
}

function readSources(): Map<string, string> {
  const files = globSync(["src/**/*.ts", "tools/**/*.ts", "test/**/*.ts", "bench/**/*.ts"], { cwd: ROOT }).sort();
  const own = files.filter((file) => !file.includes("/gen/"));
  return new Map(own.map((file) => [file, readFileSync(join(ROOT, file), "utf8")]));
}

const show = (problems: Problem[]) => problems.map(({ file, line, text }) => `${file}:${line}: ${text}`).join("\n");

async function main(): Promise<number> {
  const begin = performance.now();
  const projects = globSync(["src/*/tsconfig.json", "tools/tsconfig.json"], { cwd: ROOT }).sort();
  const checks = [
    ...projects.map((file) =>
      command(`types of ${file.replace("/tsconfig.json", "")}`, "node_modules/.bin/tsc", ["-p", file]),
    ),
    command("format and lint", "tools/biome", [
      "check",
      "--colors=off",
      "--diagnostic-level=warn",
      "--error-on-warnings",
    ]),
  ];
  const sources = readSources();
  const { dependencies = {} } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
    dependencies?: Record<string, string>;
  };
  const results: Result[] = [
    { name: "layers", findings: show(checkLayers(sources, new Set(Object.keys(dependencies)))) },
    { name: "house rules", findings: show(houseLints(sources)) },
    ...(await Promise.all(checks)),
  ];
  for (const { name, findings } of results) process.stdout.write(findings ? `✗ ${name}\n${findings}\n` : `✓ ${name}\n`);
  const bad = results.filter(({ findings }) => findings).length;
  const time = ((performance.now() - begin) / 1000).toFixed(1);
  process.stdout.write(bad ? `\n${bad} of ${results.length} checks failed (${time} s)\n` : `\nok (${time} s)\n`);
  return bad ? 1 : 0;
}

process.exitCode = await main();
