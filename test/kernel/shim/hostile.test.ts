// What no proper daemon sends: the shim answers what can be answered, goes on serving others, keeps its container, and is as small afterwards as before.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { SandboxService } from "../../../src/common/gen/containerd/sandbox/runtime.ts";
import { TaskService } from "../../../src/common/gen/containerd/task/v2.ts";
import { Request } from "../../../src/common/gen/ttrpc/ttrpc.ts";
import { encode } from "../../../src/common/protobuf/codec.ts";
import type { Init, Service } from "../../../src/common/protobuf/schema.ts";
import { encodeFrame, FLAG, HEADER, MAX_DATA, TYPE } from "../../../src/common/ttrpc/frame.ts";
import { settles, until } from "../../support/until.ts";
import { alive, Daemon, type TestShim } from "./harness.ts";
import { Hostile } from "./hostile.ts";

const RUNNING = 2;
/** KiB that the shim may have more than before: what it has learnt, and pages that lie between others. */
const ROOM = 1024;

const request = (method: string, payload: Uint8Array, service = TaskService.typeName) =>
  encode(Request, { service, method, payload });
const frame = (stream: number, data: Uint8Array, type: number = TYPE.REQUEST, flags = 0) =>
  encodeFrame(stream, type, flags, data);

/** Each answer is that text, or matches that pattern. */
function said(answers: readonly string[], expected: readonly (string | RegExp)[]): void {
  assert.equal(answers.length, expected.length, answers.join("; "));
  for (const [i, one] of expected.entries()) {
    if (typeof one === "string") assert.equal(answers[i], one);
    else assert.match(answers[i]!, one);
  }
}

/** A container that runs, and what the shim has and holds. */
async function running(daemon: Daemon, shim: TestShim) {
  const { id, pid, task, address } = shim;
  const { pid: init } = await daemon.create(shim);
  await task.start({ id });
  const state = frame(1, request("State", encode(TaskService.methods.state.input, { id })));
  const look = () => ({
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
    children: readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8"),
    mounts: readFileSync(`/proc/${pid}/mountinfo`, "utf8").split(daemon.folder).length,
    bundle: readdirSync(shim.bundle),
    states: readdirSync(join(daemon.folder, "runt"), { recursive: true }).length,
  });
  await quiet(pid);
  const before = { ...look(), pss: pss(pid) };
  return {
    state,
    open: () => Hostile.open(address),
    /** Who behaves is answered as ever. */
    serves: async () => {
      assert.equal((await task.state({ id })).status, RUNNING);
      assert.ok(alive(init), "the container runs");
    },
    /** All is as it was. */
    same: async () => {
      const { pss: small, ...others } = before;
      await settles(look, (seen) => assert.deepEqual(seen, others));
      await settles(
        () => pss(pid),
        (seen) => assert.ok(seen < small + ROOM, `${seen} KiB instead of ${small}`),
      );
    },
    pss: () => pss(pid) - before.pss,
  };
}

/** KiB. */
function pss(pid: number): number {
  return Number(/^Anonymous:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))![1]);
}

/** Clock ticks. */
function time(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

/** Until the shim has done nothing for a while. */
async function quiet(pid: number): Promise<void> {
  let [last, same] = [-1, 0];
  await until("a quiet shim", async () => {
    await sleep(50);
    const now = time(pid);
    same = now === last ? same + 1 : 0;
    last = now;
    return same >= 8;
  });
}

test("frames that are none, or not in their place, are answered or left, and others are served", async () => {
  await using daemon = new Daemon();
  await using shim = await daemon.start();
  const it = await running(daemon, shim);
  const { state } = it;
  const body = state.subarray(HEADER);
  {
    using one = await it.open();
    one.send(frame(2, body), frame(1, body), frame(1, body), frame(3, body), frame(1, body), frame(0, body));
    said(await one.answers(6), [/must be odd/, "", /used before/, "", /used before/, /must be odd/]);
    // too long: skipped, and what follows is heard
    const long = new Uint8Array(HEADER + MAX_DATA + 1);
    long.set(frame(5, new Uint8Array(0)));
    new DataView(long.buffer).setUint32(0, MAX_DATA + 1);
    one.send(long, frame(7, body));
    said(await one.answers(2), [/4194304/, ""]);
    // data where none is expected, an answer from a client, types that are none, all flags at once
    one.send(frame(9, body, TYPE.DATA), frame(11, body, TYPE.RESPONSE), frame(13, body, 0), frame(15, body, 77));
    one.send(frame(17, body, TYPE.REQUEST, 0xff), frame(17, new Uint8Array(9), TYPE.DATA, FLAG.REMOTE_CLOSED));
    said(await one.answers(3), [/takes no data/, "", /takes no data/]);
    for (const data of [Uint8Array.of(255), Uint8Array.of(10, 200), new Uint8Array(99).fill(0x1b)]) {
      one.send(frame(19 + 2 * one.sent, data));
      said(await one.answers(1), [/protobuf/]);
    }
    one.send(frame(2001, request("State", body, "no.such.Service")), frame(2003, request("NoSuch", body)));
    one.send(frame(2005, request("constructor", body)), frame(2007, request("", body, "")));
    said(await one.answers(4), [/no.such.Service/, /NoSuch/, /constructor/, /service/]);
    one.send(frame(0xffffffff, body), frame(0xffffffff, body));
    said(await one.answers(2), ["", /used before/]);
    await it.serves();
  }
  // cut off at each place
  for (let at = 1; at < state.length; at += 3) {
    using one = await it.open();
    one.send(state.subarray(0, at));
    one.end();
    await one.closed();
  }
  await it.serves();
  await it.same();
});

test("each call with content that is none is refused, and changes nothing", async () => {
  await using daemon = new Daemon();
  await using shim = await daemon.start();
  const { id, bundle } = shim;
  const it = await running(daemon, shim);
  const nested = new Array<number>(3000).fill(0x1b);
  const garbage = [[0xff], [10, 5, 97], [10, 0xff, 0xff, 0xff, 0xff, 0x7f], [0, 0], [0x0f], [0x0c], nested].map(
    (bytes) => Uint8Array.from(bytes),
  );
  {
    using one = await it.open();
    let stream = -1;
    const services: [Service, string][] = [
      [TaskService, TaskService.typeName],
      [TaskService, "containerd.task.v3.Task"],
      [SandboxService, SandboxService.typeName],
    ];
    for (const [service, name] of services) {
      for (const { name: method } of Object.values(service.methods)) {
        one.send(...garbage.map((bytes) => frame((stream += 2), request(method, bytes, name))));
        for (const answer of await one.answers(garbage.length)) assert.match(answer, /protobuf/, `${name}/${method}`);
      }
    }
    await it.serves();
    // well formed, and nonsense
    const json = (value: unknown) => ({ typeUrl: "x", value: Buffer.from(JSON.stringify(value)) });
    const S = TaskService.methods;
    const asked: [string, Uint8Array][] = [];
    const ask = <M extends keyof typeof S>(method: M, ...requests: Init<(typeof S)[M]["input"]["shape"] & {}>[]) => {
      for (const one of requests) asked.push([S[method].name, encode(S[method].input as never, one as never)]);
    };
    ask("create", {}, { id }, { id: "../../x", bundle: "/nowhere" }, { id: "a\0b", bundle }, { id: "b", bundle: "\0" });
    ask("create", { id: "x".repeat(70_000), bundle: "/nowhere" }, { id: "c", bundle, options: json({}) });
    ask("create", {
      id: "d",
      bundle: "/nowhere",
      rootfs: [{ type: "no", source: "\0", target: "../..", options: ["="] }],
    });
    ask("start", {}, { id }, { id, execId: "none" }, { id: "none" });
    ask("delete", {}, { id }, { id, execId: "none" });
    ask("kill", {}, { id, signal: 100_000 }, { id, signal: 0xffffffff, all: true }, { id, execId: "../x", signal: 9 });
    ask(
      "exec",
      { id },
      { id, execId: "../x", spec: json({}) },
      { id, execId: "e" },
      { id, execId: "x y", spec: json([]) },
    );
    ask("exec", { id, execId: "e", spec: json({ args: ["true"] }), stdout: "nonsense://\0" });
    ask("resizePty", { id, execId: "none", width: 0xffffffff, height: 0xffffffff });
    ask("closeIO", { id, execId: "none", stdin: true });
    ask(
      "update",
      { id },
      ...["", 7, [], { memory: "x" }, { pids: { limit: {} } }].map((one) => ({ id, resources: json(one) })),
    );
    ask("checkpoint", { id: "none" }, { id, path: "\0", options: json({}) });
    ask("pids", {});
    ask("wait", {}, { id, execId: "none" });
    ask("stats", {});
    // a creation that fails later, and who waits for its end meanwhile
    ask("create", { id: "later", bundle: daemon.folder });
    ask("wait", { id: "later" });
    const taken: string[] = [];
    one.send(...asked.map(([method, payload]) => frame((stream += 2), request(method, payload))));
    for (const [i, answer] of (await one.answers(asked.length, true)).entries())
      if (answer === "") taken.push(asked[i]!.join(" "));
    assert.deepEqual(taken, []);
  }
  await it.serves();
  await it.same();
});

test("bytes by chance are answered or end nothing", async () => {
  await using daemon = new Daemon();
  await using shim = await daemon.start();
  const it = await running(daemon, shim);
  const body = it.state.subarray(HEADER);
  let seed = 20261127;
  const random = (n: number) => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) % n;
  {
    using one = await it.open();
    for (let i = 0; i < 2000; i++) {
      const bytes = Uint8Array.from(body);
      for (let n = 1 + random(8); n > 0; n--) bytes[random(bytes.length)] = random(256);
      one.send(frame(2 * i + 1, bytes.subarray(0, random(4) === 0 ? random(bytes.length) : bytes.length)));
    }
    assert.equal((await one.answers(2000)).length, 2000);
  }
  for (let i = 0; i < 100; i++) {
    using noise = await it.open();
    noise.send(new Uint8Array(1 + random(300)).map(() => random(256)));
    noise.end();
    await noise.closed();
  }
  await it.serves();
  await it.same();
});

test("a hundred that send half a frame and hang cost what they have sent, and it is given back", async () => {
  await using daemon = new Daemon();
  await using shim = await daemon.start();
  const it = await running(daemon, shim);
  const head = frame(1, new Uint8Array(0));
  new DataView(head.buffer).setUint32(0, MAX_DATA);
  {
    await using hanging = new AsyncDisposableStack();
    for (let i = 0; i < 100; i++) {
      const one = hanging.use(await it.open());
      one.send(head.subarray(0, i % 2 === 0 ? HEADER : 1 + (i % 9)));
    }
    await it.serves();
    assert.ok(it.pss() < 2 * ROOM, `${it.pss()} KiB for what was announced only`);
    // the whole of a frame but its last byte
    for (let i = 0; i < 4; i++) {
      const one = hanging.use(await it.open());
      one.send(head, new Uint8Array(MAX_DATA - 1));
      await one.taken();
    }
    await it.serves();
  }
  await it.same();
});

test("who asks and reads no answer is not read from until it does", async () => {
  await using daemon = new Daemon();
  await using shim = await daemon.start();
  const it = await running(daemon, shim);
  const calls = 8000;
  const body = it.state.subarray(HEADER);
  {
    using one = await it.open();
    one.pause();
    one.send(...Array.from({ length: calls }, (_, i) => frame(2 * i + 1, body)));
    await quiet(shim.pid);
    assert.ok(it.pss() < 2 * ROOM, `${it.pss()} KiB of answers`);
    await it.serves();
    one.resume();
    const answers = await one.answers(calls);
    assert.ok(answers.every((answer) => answer === ""));
  }
  await it.serves();
  await it.same();
});

test("without a free descriptor those who are connected are served, and others when one is free", async () => {
  await using daemon = new Daemon();
  await using shim = await daemon.start();
  const it = await running(daemon, shim);
  const { pid, bundle } = shim;
  const log = () => statSync(join(bundle, "log")).size;
  const before = log();
  const limit = (soft: number) => execFileSync("prlimit", ["--pid", String(pid), `--nofile=${soft}:`]);
  const usual = Number(/^Max open files\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/limits`, "utf8"))![1]);
  limit(Math.max(...readdirSync(`/proc/${pid}/fd`).map(Number)) + 11);
  {
    await using waiting = new AsyncDisposableStack();
    const all = [];
    for (let i = 0; i < 40; i++) all.push(waiting.use(await it.open()));
    for (const one of all) one.send(it.state);
    await it.serves();
    said(await all[0]!.answers(1), [""]);
    limit(usual);
    for (const one of all.slice(1)) said(await one.answers(1), [""]);
  }
  assert.equal(log(), before, "nothing is said again and again");
  await it.serves();
  await it.same();
});
