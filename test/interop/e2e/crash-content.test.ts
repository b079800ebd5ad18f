// time-out: 3600 s
// kill -9 of the daemon at every step of what a client of containerd's API does with content: transfers of images from a real registry and from an
// archive, ingests that are written, taken up again, aborted and committed, and leases that expire.
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { isCode, WharfError } from "../../../src/common/errors.ts";
import { bytesOf, put, sha256 } from "../../../src/daemon/containerd/conformance/harness.ts";
import { RemoteCore } from "../../../src/daemon/grpc/client/core.ts";
import { file, tar } from "../../kernel/layer/support.ts";
import { execute, type Result } from "../cli/program.ts";
import { type RegistryProcess, startRegistry } from "../registry/support.ts";
import { killAtEach, PATIENCE, type Road, type Way, walkSteps } from "./crash.ts";
import { BIN, build, Daemon, until } from "./daemon.ts";
import { makeLayout, push } from "./layouts.ts";

const SPACE = "apart";
let registry: RegistryProcess;
let image: string;
let archives: Daemon;
let archive: string;

before(async () => {
  build();
  registry = await startRegistry();
  archives = Daemon.prepare();
  const layers = [
    { tar: tar(file("first", "", { data: Buffer.from(bytesOf(400_000, 3)) })) },
    { tar: tar(file("second", "", { data: Buffer.alloc(300_000, 5) })), as: "zstd" as const },
  ];
  const layout = makeLayout(join(archives.dir, "layout"), { layers });
  image = `${registry.host}/test/transfer:v1`;
  await push(layout, image);
  archive = join(archives.dir, "archive.tar");
  const made = await execute(["tar", "-cf", archive, "-C", layout, "."]);
  assert.equal(made.code, 0, made.stderr);
});
after(async () => {
  await registry?.[Symbol.asyncDispose]();
  await archives?.[Symbol.asyncDispose]();
});

function ctr(daemon: Daemon, ...args: string[]): Promise<Result> {
  const socket = join(daemon.state, "containerd.sock");
  return execute([join(BIN, "ctr"), "-a", socket, "-n", SPACE, ...args], { timeoutMs: PATIENCE });
}

const IMPORTED = "imported:latest";
const TRANSFERS: readonly (readonly [step: string, args: readonly string[]])[] = [
  ["pulled", ["images", "pull", "--plain-http", "IMAGE"]],
  ["pulled again", ["images", "pull", "--plain-http", "IMAGE"]],
  ["pull removed", ["images", "rm", "--sync", "IMAGE"]],
  ["imported", ["images", "import", "--base-name", "imported", "ARCHIVE"]],
  ["pulled beside", ["images", "pull", "--plain-http", "IMAGE"]],
  ["removed", ["images", "rm", "--sync", "IMAGE", IMPORTED]],
];

async function walkTransfers(daemon: Daemon, fault?: (text: string) => void): Promise<Way> {
  const words: Record<string, string> = { IMAGE: image, ARCHIVE: archive };
  const steps = TRANSFERS.map(([step, args]) => {
    const run = () => ctr(daemon, ...args.map((word) => words[word] ?? word));
    return [step, run] as const;
  });
  return { done: await walkSteps(steps, fault), id: "" };
}

/** Whatever image there is, is whole; what was acknowledged is there, unpacked; and with the images all goes. */
async function checkTransfers(daemon: Daemon, { done }: Way): Promise<void> {
  const lines = async (...args: string[]) => {
    const { code, stdout, stderr } = await ctr(daemon, ...args);
    assert.equal(code, 0, stderr);
    return stdout.split("\n").filter(Boolean);
  };
  const all = await lines("images", "ls", "-q");
  const checked = (await lines("images", "check")).filter((line) => !line.startsWith("REF"));
  for (const line of checked) assert.match(line, / complete /, "an image is whole");
  const ready = await lines("images", "check", "-q");
  const last = done.at(-1);
  // a removal that was cut off may have been done
  if (last === "pulled") assert.ok(ready.includes(image), `${image}: ${checked.join("\n")}`);
  if (last === "imported") assert.ok(all.includes(IMPORTED), all.join(" "));
  if (last === "pull removed" || last === "removed") assert.ok(!ready.includes(image), "it is removed");
  if (last === "removed") assert.ok(!all.includes(IMPORTED), "what was imported is removed");
  if (all.length > 0) await lines("images", "rm", "--sync", ...all);
  await gone(daemon);
}

/** Nothing is left of the namespace but what goes by itself. */
async function gone(daemon: Daemon): Promise<void> {
  await using core = new RemoteCore(join(daemon.state, "containerd.sock"));
  const client = core.namespace(SPACE);
  const left = async () => {
    const found = [...(await client.leases.list()).map(({ id }) => `lease ${id}`)];
    // what is downloaded in part is taken up again by the next pull
    for (const { ref } of await client.content.listStatuses())
      if (!/^(layer|config|manifest)-sha256:/.test(ref)) found.push(`ingest ${ref}`);
    for await (const { digest } of client.content.walk()) found.push(digest);
    for await (const { name } of client.snapshots("overlayfs").walk()) found.push(`snapshot ${name}`);
    return found;
  };
  await until("nothing left in the namespace", async () => (await left()).length === 0).catch(
    async (cause: unknown) => {
      throw new Error(`left in the namespace: ${(await left()).join(", ")}`, { cause });
    },
  );
}

test("kill -9 at each step of transfers from a registry and an archive", (t) =>
  killAtEach(t, {
    steps: TRANSFERS.map(([step]) => step),
    chosen: /^(content\.recorded|snapshot\.created|gc\.swept)$/,
    needed: ["content.published", "content.recorded", "snapshot.created", "gc.swept"],
    walk: walkTransfers,
    check: checkTransfers,
  } satisfies Road));

const HALF = bytesOf(300_000, 7);
const WHOLE = Buffer.concat([HALF, bytesOf(300_000, 8)]);
const DIGEST = sha256(WHOLE);
const BRIEF = bytesOf(100_000, 9);
/** What `put` writes it to. */
const PUT = `put-${sha256(BRIEF)}`;
const LEASE = "held";
const EXPIRES = "brief";

/** Steps of the content road, each by the client that a daemon's death refuses. */
const CONTENT: readonly (readonly [step: string, run: (core: RemoteCore) => Promise<unknown>])[] = [
  ["lease made", (core) => core.namespace(SPACE).leases.create({ id: LEASE })],
  ["half written", (core) => write(core, "half", HALF)],
  ["aborted", (core) => core.namespace(SPACE).content.abort("half")],
  ["written", (core) => write(core, "whole", HALF)],
  ["resumed", (core) => write(core, "whole", WHOLE)],
  ["committed", (core) => write(core, "whole", WHOLE, true)],
  ["lease removed", (core) => core.namespace(SPACE).leases.delete(LEASE, { sync: true })],
  [
    "brief lease made",
    (core) => {
      const labels = { "containerd.io/gc.expire": new Date(Date.now() + 1000).toISOString() };
      return core.namespace(SPACE).leases.create({ id: EXPIRES, labels });
    },
  ],
  // the lease may be over by then
  ["brief blob", (core) => put(core.namespace(SPACE).content, BRIEF)],
  ["brief held", (core) => hold(core, sha256(BRIEF))],
  [
    "expired",
    (core) =>
      until("the lease's end", async () => !(await known(core, sha256(BRIEF))) && !(await leased(core, EXPIRES))),
  ],
];

async function write(core: RemoteCore, ref: string, upTo: Uint8Array, commit = false): Promise<void> {
  await using writer = await core.namespace(SPACE).withLease(LEASE).content.writer({ ref });
  await writer.write(upTo.subarray(writer.status().offset));
  if (commit) await writer.commit({ size: upTo.length, digest: sha256(upTo) });
}

async function hold(core: RemoteCore, digest: string): Promise<void> {
  try {
    await core.namespace(SPACE).leases.addResource(EXPIRES, { type: "content", id: digest });
  } catch (error) {
    if (!isCode(error, "NotFound")) throw error;
  }
}

async function known(core: RemoteCore, digest: string): Promise<boolean> {
  for await (const one of core.namespace(SPACE).content.walk()) if (one.digest === digest) return true;
  return false;
}

async function leased(core: RemoteCore, id: string): Promise<boolean> {
  return (await core.namespace(SPACE).leases.list()).some((one) => one.id === id);
}

async function walkContent(daemon: Daemon, fault?: (text: string) => void): Promise<Way> {
  await using core = new RemoteCore(join(daemon.state, "containerd.sock"));
  const steps = CONTENT.map(([step, act]) => {
    const run = async () => {
      try {
        await act(core);
        return { code: 0, stdout: "", stderr: "" };
      } catch (error) {
        // what only looks fails when there is nobody to ask
        return { code: 1, stdout: "", stderr: String(error) };
      }
    };
    return [step, run] as const;
  });
  return { done: await walkSteps(steps, fault), id: "" };
}

async function checkContent(daemon: Daemon, { done }: Way): Promise<void> {
  await using core = new RemoteCore(join(daemon.state, "containerd.sock"));
  const { content, leases } = core.namespace(SPACE);
  const offset = async (ref: string) => {
    try {
      return (await content.status(ref)).offset;
    } catch (error) {
      assert.ok(error instanceof WharfError && error.code === "NotFound", String(error));
      return undefined;
    }
  };
  const last = done.at(-1);
  if (last === "lease made") assert.ok(await leased(core, LEASE), "the lease");
  // what the next step may have done already
  if (last === "half written") assert.ok([undefined, HALF.length].includes(await offset("half")), "the ingest");
  if (done.includes("aborted")) assert.equal(await offset("half"), undefined, "the aborted ingest");
  if (last === "aborted") assert.ok(((await offset("whole")) ?? 0) <= HALF.length);
  if (last === "written" || last === "resumed") {
    const at = await offset("whole");
    const least = last === "written" ? HALF.length : WHOLE.length;
    if (at === undefined) assert.ok(last === "resumed" && (await known(core, DIGEST)), "the ingest or the blob");
    else assert.ok(at >= least && at <= WHOLE.length, `the ingest has ${at} bytes`);
  }
  if (last === "committed") {
    // the removal of what holds it may have been under way
    if (await leased(core, LEASE)) assert.ok(await known(core, DIGEST), "the blob");
  }
  if (await known(core, DIGEST)) assert.equal(sha256(await content.read({ digest: DIGEST })), DIGEST);
  if (done.includes("lease removed")) assert.ok(!(await leased(core, LEASE)) && !(await known(core, DIGEST)));
  if (await leased(core, LEASE)) await leases.delete(LEASE, { sync: true });
  // what no lease holds is kept for its client to take up again
  if (last === "brief lease made" && (await offset(PUT)) !== undefined) await content.abort(PUT);
  // a lease ends at its time, whoever was killed meanwhile, and what it held goes
  await gone(daemon);
}

test("kill -9 at each step of ingests that are written, aborted and committed, and of a lease that expires", (t) =>
  killAtEach(t, {
    steps: CONTENT.map(([step]) => step),
    chosen: /^(content|gc)\./,
    // each walk waits for a lease to expire
    atOnce: 4,
    needed: ["content.written", "content.published", "content.recorded", "gc.swept"],
    walk: walkContent,
    check: checkContent,
  } satisfies Road));
