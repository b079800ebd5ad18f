// kill -9 of the daemon at every fail point that a road of a user's steps comes by, with the real agent, shim and runt.
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { eachOf } from "../../../src/daemon/containerd/conformance/crash-harness.ts";
import { Daemon, until } from "./daemon.ts";
import { type Heard, Listener } from "./listener.ts";

/** Every point each time it is reached (`WHARF_TEST_ALL=1`), or those that the road chooses, each once: the whole takes many minutes. */
const ALL = process.env.WHARF_TEST_ALL === "1";

/** Milliseconds that a step may take: longer than any does, and not for ever where a client does not notice the daemon's death. */
export const PATIENCE = 60_000;

/** How far it went. */
export interface Way {
  /** The steps that were acknowledged. */
  done: string[];
  /** Of the container. */
  id: string;
}

export interface Road {
  /** In their order. */
  steps: readonly string[];
  /** Points that it must pass, or the test would prove little. */
  needed: readonly string[];
  /** The points that are taken when not all are. */
  chosen: RegExp;
  /** What a user does; each step may fail, since the daemon may be killed in it. */
  walk(daemon: Daemon, fault?: (text: string) => void): Promise<Way>;
  /** What must be true after a crash, of what was acknowledged; and takes all away that the road would find in its way. */
  check(daemon: Daemon, way: Way): Promise<void>;
  /** Walked at a time: two where nothing else is said; more where most of it is waiting. */
  atOnce?: number;
  /** Events that somebody must have heard who listens to both daemons. */
  events?(way: Way): Heard[];
}

const namesIn = (log: string) => [...log.matchAll(/^failpoint (.*)$/gm)].map((match) => match[1]!);

function unheard(road: Road, way: Way, heard: readonly Heard[]): Heard[] {
  return (road.events?.(way) ?? []).filter((one) => !heard.includes(one));
}

/** `name:n` of each point of the road. */
async function pointsOf(road: Road): Promise<string[]> {
  await using daemon = Daemon.prepare();
  await daemon.start({ WHARF_FAILPOINT: "*" });
  await daemon.busybox();
  const from = daemon.log.length;
  const counts = new Map<string, number>();
  const count = (name: string): number => {
    counts.set(name, (counts.get(name) ?? 0) + 1);
    return counts.get(name)!;
  };
  namesIn(daemon.log).forEach(count);
  let fault = "";
  await using listener = await Listener.start(daemon);
  const way = await road.walk(daemon, (text) => {
    fault = text;
  });
  assert.deepEqual(way.done, road.steps, fault);
  await until("all events", () => unheard(road, way, listener.heard).length === 0).catch(() => {});
  assert.deepEqual(unheard(road, way, listener.heard), [], listener.heard.join("\n"));
  await daemon.clean();
  const specs: string[] = [];
  const seen = new Set<string>();
  for (const name of namesIn(daemon.log.slice(from))) {
    const n = count(name);
    // commits are many and alike: of these some are taken
    const often = name.startsWith("store.");
    if (ALL || (road.chosen.test(name) && (!seen.has(name) || (often && n % 15 === 0)))) specs.push(`${name}:${n}`);
    seen.add(name);
  }
  for (const name of road.needed) assert.ok(seen.has(name), `${name} was not reached`);
  return specs;
}

async function killAt(spec: string, road: Road): Promise<boolean> {
  let reached = true;
  await using daemon = Daemon.prepare();
  let way: Way = { done: [], id: "" };
  let before: Listener | undefined;
  try {
    await daemon.start({ WHARF_FAILPOINT: spec });
    await daemon.busybox();
    before = await Listener.start(daemon);
    way = await road.walk(daemon);
    if (way.done.length === road.steps.length)
      await until("a crash after all was done", () => !daemon.running, 1500).catch(() => (reached = false));
  } catch (error) {
    // killed while it made busybox, or between start and first answer
    if (daemon.running) throw error;
  }
  await daemon.restart("SIGKILL");
  await before?.ended;
  await using afterwards = await Listener.start(daemon);
  const heard = () => [...(before?.heard ?? []), ...afterwards.heard];
  const where = `killed at ${spec}, after ${way.done.at(-1) ?? "nothing"}`;
  await until("events", () => unheard(road, way, heard()).length === 0).catch(() => {});
  assert.deepEqual(unheard(road, way, heard()), [], `${where}: an event was lost`);
  await before?.[Symbol.asyncDispose]();
  await daemon.busybox();
  try {
    await road.check(daemon, way);
    // and all of it again, from whatever was left
    let fault = "";
    const again = await road.walk(daemon, (text) => {
      fault = text;
    });
    assert.deepEqual(again.done, road.steps, `${fault}\n${daemon.log.slice(-2000)}`);
    await daemon.clean("the road after a crash");
  } catch (cause) {
    throw new Error(where, { cause });
  }
  return reached;
}

/** Kills the daemon at each of the road's points. */
export async function killAtEach(t: TestContext, road: Road): Promise<void> {
  const specs = await pointsOf(road);
  // one by name, to look into it
  if (process.env.WHARF_TEST_POINT) specs.splice(0, specs.length, ...process.env.WHARF_TEST_POINT.split(" "));
  const all = specs.length;
  const missed: string[] = [];
  await eachOf(
    specs,
    async (spec) => {
      if (!(await killAt(spec, road))) missed.push(spec);
    },
    road.atOnce ?? 2,
  );
  // their number varies with time: the last of a kind may not be reached again
  t.diagnostic(`${all} points${missed.length > 0 ? `, not reached: ${missed.join(" ")}` : ""}`);
}

/** Walks steps of a command line each, until one fails: what a step is, what it must end with, and what runs it. */
export async function walkSteps(
  steps: readonly (readonly [
    step: string,
    run: () => Promise<{ code: number; stdout: string; stderr: string }>,
    codes?: readonly number[] | undefined,
  ])[],
  fault?: (text: string) => void,
  seen?: (step: string, stdout: string) => void,
): Promise<string[]> {
  const done: string[] = [];
  for (const [step, run, codes = [0]] of steps) {
    const { code, stdout, stderr } = await run();
    if (!codes.includes(code)) {
      fault?.(`${step}: ${code} ${stderr}`);
      break;
    }
    seen?.(step, stdout);
    done.push(step);
  }
  return done;
}
