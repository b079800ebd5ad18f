// The docker CLI and ours on the same engine, a made-up one: the same requests, the same output, the same exit code.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { peer } from "./dockerd.ts";
import { type Asked, MockEngine } from "./mock.ts";
import { execute, type Result, Scratch, wharfProgram } from "./program.ts";
import { ASKS_ITS_OWN, PRINTS_ITS_OWN, REQUESTS } from "./requests.ts";

const scratch = new Scratch();
const dir = scratch.path("d");
let wharf = "";

before(async () => {
  wharf = await wharfProgram(scratch);
  mkdirSync(`${dir}/files`, { recursive: true });
  writeFileSync(`${dir}/files/a`, "a");
  writeFileSync(`${dir}/env`, "# comment\nFROM_FILE=1\nHOME\n");
  writeFileSync(`${dir}/labels`, "from=file\n");
  writeFileSync(`${dir}/in.tar`, Buffer.alloc(1024));
});
after(() => scratch[Symbol.dispose]());

/** What a client looks up for itself, in its own way, does not count. */
const LOOKS =
  /^(GET|HEAD) (\/_ping|\/version|\/info|\/containers\/[^/]+\/json|\/exec\/e1\/json)$|^POST \/containers\/[^/]+\/(wait|resize)$/;

/** Lists whose order docker leaves to chance. */
const SETS = new Set(["Binds", "Env", "CapAdd", "Config"]);

const inOrder = (a: unknown, b: unknown) => (JSON.stringify(meant(a)) < JSON.stringify(meant(b)) ? -1 : 1);

/** Nothing, false, 0 and empty lists are what a request means that leaves them out. */
function meant(value: unknown): unknown {
  if (Array.isArray(value)) return value.every((one) => one === 0) ? undefined : value.map((one) => meant(one) ?? one);
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value)
      .map(([key, one]) => [key, meant(SETS.has(key) && Array.isArray(one) ? one.sort(inOrder) : one)] as const)
      .filter(([, one]) => one !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1));
    return entries.length === 0 ? undefined : Object.fromEntries(entries);
  }
  if (value === true || value === "1" || value === "true") return 1;
  return value === null || value === false || value === "" || value === 0 || value === "0" || value === "false"
    ? undefined
    : value;
}

function withoutKeys(body: unknown): unknown {
  if (typeof body !== "object" || body === null) return body;
  const { DetachKeys: _, ...rest } = body as Record<string, unknown>;
  return Array.isArray(body) ? body : rest;
}

function requests(asked: readonly Asked[]): string[] {
  const removed = new Set(asked.filter(({ method }) => method === "DELETE").map(({ path }) => path));
  return (
    asked
      .map((one) => ({ ...one, name: `${one.method} ${one.path.replace(/1{64}/, "one")}` }))
      .filter(({ name, method, path }) => !LOOKS.test(name) && !(method === "GET" && removed.has(path)))
      // Who watches for the detach keys, client or daemon, is each client's affair; lines of a log in one frame are between us and our daemon.
      .map(({ name, query: { detachKeys: _, joined: __, ...query }, body, auth }) => ({
        name,
        query,
        body: withoutKeys(body),
        auth,
      }))
      .map(({ name, query, body, auth }) => `${name} ${JSON.stringify(meant({ query, body, auth }) ?? {})}`)
      .sort()
  );
}

/** Several at a time: most of a line's time is waiting. */
function batches(lines: readonly string[], size = 6): string[] {
  return lines.map((line, i) => `{ ${line}; } &${i % size === size - 1 || i === lines.length - 1 ? " wait" : ""}`);
}

interface Seen extends Result {
  requests: string[];
}

/** Runs all lines one after another in one shell, each on an engine of its own. */
async function ask(who: string, program: string, run: (script: string) => Promise<Result>): Promise<Seen[]> {
  const engines = REQUESTS.map(() => new MockEngine());
  try {
    await Promise.all(engines.map((engine, i) => engine.listen(scratch.path(`${who}${i}.sock`))));
    mkdirSync(scratch.path(`home-${who}`));
    const lines = REQUESTS.map((line, i) => {
      const whole = line.includes("$CLI") ? line : `$CLI ${line}`;
      const out = scratch.path(`${who}${i}`);
      return `export HOME=${scratch.path(`home-${who}/${i}`)}; CLI="timeout -s KILL 60 ${program} -H unix://${scratch.path(`${who}${i}.sock`)}"; ( ${whole} ) >${out}.out 2>${out}.err </dev/null; echo $? >${out}.code`;
    });
    const script = [`export WHO=${who} DIR=${dir} TZ=UTC`, ...batches(lines)].join("\n");
    writeFileSync(scratch.path(`${who}.sh`), script);
    await run(scratch.path(`${who}.sh`));
    return engines.map(({ asked }, i) => {
      const read = (what: string) =>
        readFileSync(scratch.path(`${who}${i}.${what}`), "utf8").replaceAll(`-${who}`, "-WHO");
      return {
        requests: requests(asked).map((text) => text.replaceAll(`-${who}`, "-WHO")),
        stdout: read("out"),
        stderr: read("err"),
        code: Number(read("code")),
      };
    });
  } finally {
    for (const engine of engines) engine.close();
  }
}

test("the same requests, output and exit code as docker's, line by line", async () => {
  const theirs = await ask("docker", "docker", (script) => peer(scratch, ["sh", script], { timeoutMs: 200_000 }));
  const ours = await ask("wharf", wharf, (script) => execute(["sh", script], { timeoutMs: 200_000 }));
  const differences: string[] = [];
  for (const [i, line] of REQUESTS.entries()) {
    const [a, b] = [ours[i]!, theirs[i]!];
    const compare = (what: string, left: unknown, right: unknown) => {
      const [l, r] = [JSON.stringify(left, undefined, 1), JSON.stringify(right, undefined, 1)];
      if (l !== r) differences.push(`${line}\n  ${what}\n  ours:   ${l}\n  docker: ${r}\n  ${a.stderr}  ${b.stderr}`);
    };
    if (!(line in ASKS_ITS_OWN)) compare("requests", a.requests, b.requests);
    compare("exit code", a.code, b.code);
    assert.ok(a.code !== 137 && b.code !== 137, `${line}: it ends by itself (${a.code}, ${b.code})`);
    if (!(line in PRINTS_ITS_OWN)) compare("output", a.stdout, b.stdout);
  }
  assert.equal(differences.length, 0, differences.join("\n"));
});
