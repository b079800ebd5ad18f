// Which test files belong to which suite.
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./native.ts";

export type SuiteName = "unit" | "kernel" | "interop" | "scenario" | "vm";

/** How a file's tests run: on Node's own runner, or inside the native host. */
export type World = "node" | "linux";

export interface TestFile {
  suite: SuiteName;
  /** Relative to the project's root. */
  file: string;
  world: World;
  /** Seconds after which the file is given up. A line `// time-out: N s` at its head changes the suite's default. */
  timeout: number;
}

interface Suite {
  patterns: string[];
  timeout: number;
  /** Files that run at once would disturb each other where they share the machine's kernel. */
  serial: boolean;
}

export const SUITES: Record<SuiteName, Suite> = {
  unit: {
    patterns: ["src/**/*.test.ts", "tools/**/*.test.ts", "bench/**/*.test.ts", "test/support/**/*.test.ts"],
    timeout: 300,
    serial: false,
  },
  kernel: { patterns: ["test/kernel/**/*.test.ts"], timeout: 600, serial: true },
  interop: { patterns: ["test/interop/**/*.test.ts"], timeout: 600, serial: true },
  scenario: { patterns: ["test/scenarios/*.test.ts"], timeout: 600, serial: true },
  // each file drives guests of tools/vm; the machine they run on is emulated, so they take their time
  vm: { patterns: ["test/vm/**/*.test.ts"], timeout: 900, serial: true },
};

export function isSuite(name: string): name is SuiteName {
  return Object.hasOwn(SUITES, name);
}

function describe(suite: SuiteName, file: string): TestFile {
  const head = readFileSync(join(ROOT, file), "utf8").slice(0, 1000);
  const own = /^\/\/ time-out: (\d+) s$/m.exec(head)?.[1];
  const world = file.startsWith("src/linux/") ? "linux" : "node";
  return { suite, file, world, timeout: own ? Number(own) : SUITES[suite].timeout };
}

export function filesOf(suite: SuiteName): TestFile[] {
  const files = globSync(SUITES[suite].patterns, { cwd: ROOT });
  return files.sort().map((file) => describe(suite, file));
}

/** The suite a single file belongs to, by where it lies. */
export function fileNamed(file: string): TestFile | undefined {
  for (const suite of Object.keys(SUITES).filter(isSuite)) {
    const found = filesOf(suite).find((candidate) => candidate.file === file);
    if (found) return found;
  }
  return undefined;
}
