// time-out: 900 s
// Containers of every kind started and removed by 16 clients at once, while daemon, agent and shims are killed or made to hang, at random: what was
// acknowledged is so, all can be removed, and nothing is left. WHARF_TEST_SEED=N takes that seed, WHARF_TEST_ALL=1 five minutes of it,
// and WHARF_TEST_HISTORY=FILE writes down what was asked and answered.
import assert from "node:assert/strict";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { textIfThere } from "../../support/files.ts";
import { type Answer, Api } from "../docker/client.ts";
import { build, Daemon } from "./daemon.ts";

before(build);

const ALL = process.env.WHARF_TEST_ALL === "1";
const SEED = Number(process.env.WHARF_TEST_SEED ?? (ALL ? Date.now() % 100_000 : 7));
const CLIENTS = 16;
const CONTAINERS = ALL ? 100_000 : 48;
const MILLISECONDS = ALL ? 300_000 : 60_000;

/** Numbers from a seed: mulberry32. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

class Chaos {
  readonly daemon: Daemon;
  readonly api: Api;
  readonly history: string[] = [];
  readonly counts = new Map<string, number>();
  readonly #stopped = new Set<number>();
  over = false;

  constructor(daemon: Daemon) {
    this.daemon = daemon;
    this.api = new Api(() => daemon.socket);
  }

  count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }

  /** An answer, or nothing where the daemon was killed under it. */
  async ask(method: string, path: string, body?: unknown): Promise<Answer | undefined> {
    const began = Date.now() % 1e6;
    try {
      const answer = await this.api.call(method, path, body);
      this.history.push(
        `${began}-${Date.now() % 1e6} ${method} ${path}: ${answer.status} ${answer.body.toString("latin1").slice(0, 200)}`,
      );
      return answer;
    } catch (error) {
      this.history.push(`${began}-${Date.now() % 1e6} ${method} ${path}: ${error}`);
      await sleep(50);
      return undefined;
    }
  }

  /** Asks until the answer is one of these. */
  async insist(codes: readonly number[], method: string, path: string): Promise<Answer> {
    let last = "no answer";
    for (const end = Date.now() + 120_000; Date.now() < end; await sleep(50)) {
      const answer = await this.ask(method, path);
      if (answer && codes.includes(answer.status)) return answer;
      if (answer) last = `${answer.status} ${answer.body}`;
    }
    throw new Error(`${method} ${path}: ${last}`);
  }

  async client(next: (below: number) => number, number: number): Promise<void> {
    const name = `box-${number}`;
    const code = number % 100;
    const kind = next(6);
    const ends = next(2) === 0;
    const bridge = kind === 1 || kind === 2;
    const HostConfig = {
      NetworkMode: bridge ? "bridge" : kind === 3 ? "mesh" : "none",
      PortBindings: kind === 2 ? { "80/tcp": [{ HostPort: "" }] } : {},
      Mounts: kind === 4 ? [{ Type: "volume", Source: `v${number}`, Target: "/v" }] : [],
      RestartPolicy: kind === 5 ? { Name: "on-failure", MaximumRetryCount: 2 } : { Name: "no" },
    };
    const Cmd = ends ? ["sh", "-c", `echo out ${number}; exit ${code}`] : ["sleep", "1000"];
    const made = await this.ask("POST", `/containers/create?name=${name}`, {
      ...{ Image: "busybox", Cmd, HostConfig, Tty: next(4) === 0, StopSignal: "SIGKILL" },
      ExposedPorts: kind === 2 ? { "80/tcp": {} } : {},
    });
    // the agent may have been killed under it, which is said
    if (made && made.status !== 503) assert.equal(made.status, 201, `create: ${made.body}`);
    if (made?.status === 503) this.count(`create: ${short(made)}`);
    if (made?.status === 201) {
      const id = made.json().Id as string;
      const started = await this.ask("POST", `/containers/${id}/start`);
      if (started && started.status !== 204) this.count(`start: ${started.status} ${short(started)}`);
      if (started?.status === 204) {
        // 128: its policy's start failed, for agent or shim were killed under it
        if (ends) await this.#ended(id, code, kind === 5 ? [137, 128] : [137]);
        else await this.#used(id, next);
      }
      const seen = await this.insist([200, 404], "GET", `/containers/${id}/json`);
      assert.equal(seen.status, 200, `${name} was made, and is not there`);
    }
    await this.insist([204, 404], "DELETE", `/containers/${name}?force=1&v=1`);
    const left = await this.insist([200, 404], "GET", `/containers/${name}/json`);
    assert.equal(left.status, 404, `${name} was removed, and is there`);
    if (kind === 4) await this.insist([204, 404], "DELETE", `/volumes/v${number}`);
  }

  /** With its code, or one of those that kills account for. */
  async #ended(id: string, code: number, others: readonly number[]): Promise<void> {
    const answer = await this.insist([200], "POST", `/containers/${id}/wait`);
    const { StatusCode } = answer.json();
    assert.ok([code, ...others].includes(StatusCode), `ended with ${StatusCode} instead of ${code}`);
    this.count(StatusCode === code ? "ended" : `ended with ${StatusCode}`);
  }

  async #used(id: string, next: (below: number) => number): Promise<void> {
    for (let i = next(4); i > 0; i--) {
      const action = ["exec", "pause", "restart", "stop", "kill", "stats", "start"][next(7)]!;
      if (action === "exec") {
        const made = await this.ask("POST", `/containers/${id}/exec`, { Cmd: ["true"] });
        if (made?.status === 201) await this.ask("POST", `/exec/${made.json().Id}/start`, { Detach: true });
      } else if (action === "stats") await this.ask("GET", `/containers/${id}/stats?stream=0&one-shot=1`);
      else if (action === "pause") {
        await this.ask("POST", `/containers/${id}/pause`);
        await this.ask("POST", `/containers/${id}/unpause`);
      } else {
        const answer = await this.ask("POST", `/containers/${id}/${action}`);
        if (answer && answer.status >= 500) this.count(`${action}: ${answer.status} ${short(answer)}`);
      }
    }
  }

  /** Processes of the agent's command line or below it. */
  #victims(kind: string): number[] {
    const pids = readdirSync("/proc").filter((one) => /^\d+$/.test(one));
    const commandOf = (pid: string) => textIfThere(`/proc/${pid}/cmdline`).replaceAll("\0", " ").trim();
    const parentOf = (pid: string) => textIfThere(`/proc/${pid}/stat`).split(") ").at(-1)!.split(" ")[1];
    const agent = pids.find(
      (pid) => commandOf(pid) === `wharf-agent --socket ${join(this.daemon.state, "agent.sock")}`,
    );
    if (kind === "agent") return agent ? [Number(agent)] : [];
    if (kind === "init")
      return names(join(this.daemon.state, "tasks/moby")).flatMap((id) => {
        const pid = Number(textIfThere(join(this.daemon.state, "tasks/moby", id, "init.pid")));
        return pid > 0 ? [pid] : [];
      });
    return pids
      .filter((pid) => {
        const command = commandOf(pid);
        if (!command.startsWith("containerd-shim-runt-v2")) return false;
        const spare = command === "containerd-shim-runt-v2 spare";
        return (
          command.includes(this.daemon.state) ||
          (agent !== undefined && parentOf(pid) === agent && (kind === "spare") === spare)
        );
      })
      .map(Number);
  }

  #kill(kind: string, next: (below: number) => number): void {
    const found = this.#victims(kind === "hang" ? "shim" : kind);
    if (found.length === 0) return;
    const pid = found[next(found.length)]!;
    try {
      process.kill(pid, kind === "hang" ? "SIGSTOP" : "SIGKILL");
      this.count(`${kind} killed`);
      if (kind === "hang") {
        this.#stopped.add(pid);
        setTimeout(() => this.#go(pid), 500 + next(2000));
      }
    } catch {
      // gone already
    }
  }

  #go(pid: number): void {
    if (!this.#stopped.delete(pid)) return;
    try {
      process.kill(pid, "SIGCONT");
    } catch {
      // killed meanwhile
    }
  }

  async killer(next: (below: number) => number): Promise<void> {
    const kinds = ["shim", "shim", "shim", "agent", "agent", "daemon", "spare", "init", "hang"];
    while (!this.over) {
      await sleep(100 + next(900));
      const kind = kinds[next(kinds.length)]!;
      if (kind === "daemon") {
        this.history.push(`${Date.now() % 1e6} daemon killed`);
        await this.daemon.restart("SIGKILL");
        this.count("daemon killed");
      } else this.#kill(kind, next);
    }
    for (const pid of this.#stopped) this.#go(pid);
  }
}

const short = (answer: Answer) =>
  answer.body
    .toString()
    .replace(/[0-9a-f]{12,}/g, "ID")
    .replace(/\d+/g, "N")
    .slice(0, 400);

function names(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

test(`16 clients while daemon, agent and shims are killed: seed ${SEED}`, async (t) => {
  await using daemon = await Daemon.start();
  await daemon.busybox();
  const chaos = new Chaos(daemon);
  await daemon.ok("network", "create", "mesh");
  const end = Date.now() + MILLISECONDS;
  let number = 0;
  const killing = chaos.killer(numbers(SEED));
  const worker = async (at: number) => {
    const next = numbers(SEED + 1000 + at);
    while (number < CONTAINERS && Date.now() < end) await chaos.client(next, number++);
  };
  const results = await Promise.allSettled(Array.from({ length: CLIENTS }, (_, at) => worker(at)));
  chaos.over = true;
  await killing;
  t.diagnostic(
    `${number} containers; ${[...chaos.counts]
      .map(([what, n]) => `${n} ${what}`)
      .sort()
      .join("\n")}`,
  );
  if (process.env.WHARF_TEST_HISTORY) writeFileSync(process.env.WHARF_TEST_HISTORY, chaos.history.join("\n"));
  const failed = results.flatMap((one) => (one.status === "rejected" ? [String(one.reason?.stack ?? one.reason)] : []));
  assert.deepEqual(failed, [], daemon.log.slice(-3000));
  // what was killed before anybody knew of it goes with the next start
  await daemon.restart();
  await daemon.clean("chaos");
  await daemon.ok("network", "rm", "mesh");
  // and a daemon of which nobody kills anything works on it as ever
  assert.equal(await daemon.ok("run", "--rm", "busybox", "echo", "well"), "well");
});
