// The test harness of the linux world: tests run inside the native host and report in TAP, which tools/test.ts reads.
import { loop } from "./sys/loop.ts";
import { stdout } from "./sys/out.ts";

interface Test {
  name: string;
  run: () => void | Promise<void>;
}

const tests: Test[] = [];

/** Declares a test; it runs when the process starts, not while the module is evaluated. */
export function test(name: string, run: () => void | Promise<void>): void {
  tests.push({ name, run });
}

function show(value: unknown): string {
  if (value instanceof Error) return `${value.name}: ${value.message}`;
  const replacer = (_key: string, v: unknown) => {
    if (typeof v === "bigint") return `${v}n`;
    if (v instanceof Map) return [...v];
    return ArrayBuffer.isView(v) ? Array.from(v as Uint8Array) : v;
  };
  return JSON.stringify(value, replacer) ?? String(value);
}

/** Deep equality by value. */
export function equal(actual: unknown, expected: unknown, what = "value"): void {
  if (show(actual) !== show(expected)) throw new Error(`${what}: got ${show(actual)}, expected ${show(expected)}`);
}

export function ok(condition: unknown, what: string): asserts condition {
  if (!condition) throw new Error(`not so: ${what}`);
}

/** Runs `run`, which must throw; the error's message must match. Returns the error. */
export function throws(run: () => unknown, match: RegExp): Error {
  try {
    run();
  } catch (error) {
    if (error instanceof Error && match.test(error.message)) return error;
    throw new Error(`threw ${show(error)}, expected ${match}`);
  }
  throw new Error(`threw nothing, expected ${match}`);
}

export function main(args: string[]): number {
  const only = args[1];
  let failed = 0;
  stdout(`TAP version 14\n1..${tests.length}\n`);
  for (const [i, { name, run }] of tests.entries()) {
    if (only && !name.includes(only)) {
      stdout(`ok ${i + 1} - ${name} # SKIP not chosen\n`);
      continue;
    }
    try {
      const result = run();
      if (result instanceof Promise) loop().run(result);
      stdout(`ok ${i + 1} - ${name}\n`);
    } catch (error) {
      failed++;
      const text = error instanceof Error ? `${error.name}: ${error.message}\n${error.stack ?? ""}` : String(error);
      const lines = text.trimEnd().split("\n");
      stdout(`not ok ${i + 1} - ${name}\n${lines.map((line) => `# ${line}\n`).join("")}`);
    }
  }
  return failed === 0 ? 0 : 1;
}
