// time-out: 3600 s
// kill -9 of the daemon at every step of what has to do with networks, volumes, restarts, pauses, commits and archives, and of what ctr does with images,
// namespaces, leases and content; crash.test.ts has the rest.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { execute, type Result } from "../cli/program.ts";
import { killAtEach, PATIENCE, type Road, type Way, walkSteps } from "./crash.ts";
import { BIN, build, type Daemon, until } from "./daemon.ts";

before(build);

const SLEEP = ["busybox", "sleep", "1000"];

type Command = readonly [step: string, args: readonly string[], codes?: readonly number[]];

const DOCKER: readonly Command[] = [
  ["network made", ["network", "create", "mesh"]],
  ["volume made", ["volume", "create", "data"]],
  [
    "ran",
    [
      "run",
      "-d",
      "--name",
      "road",
      "--network",
      "mesh",
      "-p",
      "80",
      "-v",
      "data:/etc",
      "--restart",
      "on-failure:1",
      ...SLEEP,
    ],
  ],
  ["ran beside", ["run", "-d", "--name", "beside", "-p", "80", "-v", "/anonymous", "--rm", ...SLEEP]],
  ["paused", ["pause", "road"]],
  ["resumed", ["unpause", "road"]],
  ["restarted", ["restart", "-t", "0", "road"]],
  ["updated", ["update", "--memory", "64m", "--memory-swap", "64m", "road"]],
  ["renamed", ["rename", "road", "street"]],
  ["copied", ["cp", "FILE", "street:/tmp/copied"]],
  ["committed", ["commit", "street", "made:1"]],
  ["saved", ["save", "-o", "ARCHIVE", "made:1"]],
  ["untagged", ["rmi", "made:1"]],
  ["loaded", ["load", "-i", "ARCHIVE"]],
  ["killed", ["kill", "street"]],
  ["removed", ["rm", "-f", "street", "beside"]],
  ["network removed", ["network", "rm", "mesh"]],
  ["volume removed", ["volume", "rm", "data"]],
  ["volumes pruned", ["volume", "prune", "-f"]],
  ["image removed", ["rmi", "made:1"]],
];

const wordsOf = (daemon: Daemon): Record<string, string> => {
  const file = join(daemon.dir, "file");
  writeFileSync(file, "some text\n");
  return { FILE: file, ARCHIVE: join(daemon.dir, "archive.tar"), BLOB: `ingest-${Math.random()}` };
};

function road(
  commands: readonly Command[],
  run: (daemon: Daemon, args: readonly string[]) => Promise<Result>,
  more: Omit<Road, "steps" | "walk">,
): Road {
  const walk = async (daemon: Daemon, fault?: (text: string) => void): Promise<Way> => {
    const words = wordsOf(daemon);
    const steps = commands.map(
      ([step, args, codes]) =>
        [
          step,
          () =>
            run(
              daemon,
              args.map((word) => words[word] ?? word),
            ),
          codes,
        ] as const,
    );
    return { done: await walkSteps(steps, fault), id: "" };
  };
  return { steps: commands.map(([step]) => step), walk, ...more };
}

async function checkDocker(daemon: Daemon, { done }: Way): Promise<void> {
  const has = (step: string) => done.includes(step);
  const there = async (...args: string[]) => (await daemon.wharf(args)).code === 0;
  if (has("network made")) {
    if (!has("volumes pruned") && !has("removed")) assert.ok(await there("network", "inspect", "mesh"), "the network");
    if (has("network removed")) assert.ok(!(await there("network", "inspect", "mesh")), "the network is removed");
  }
  if (has("volume made") && !has("network removed")) assert.ok(await there("volume", "inspect", "data"), "the volume");
  if (has("volume removed")) assert.ok(!(await there("volume", "inspect", "data")), "the volume is removed");
  const name = (await there("inspect", "street")) ? "street" : "road";
  if (has("removed")) assert.ok(!(await there("inspect", name)), "the container is removed");
  else if (has("ran") && !has("killed")) {
    const status = await daemon.ok("inspect", "-f", "{{.State.Status}}", name);
    // a pause or a restart that was cut off may have been done, or in part
    const last = done.at(-1)!;
    const others = {
      "ran beside": ["paused"],
      paused: ["paused"],
      resumed: ["exited", "created", "restarting"],
      copied: ["paused"],
      loaded: ["exited"],
    };
    const allowed = ["running", ...((others as Record<string, string[]>)[last] ?? [])];
    assert.ok(allowed.includes(status), `${name} is ${status}`);
    if (has("renamed")) assert.equal(name, "street");
  }
  if (has("committed") && !has("saved")) assert.ok(await there("image", "inspect", "made:1"), "the image");
  if (has("image removed")) assert.ok(!(await there("image", "inspect", "made:1")), "the image is removed");
  for (const one of ["road", "street", "beside"]) await daemon.wharf(["rm", "-f", "-v", one]);
  await daemon.wharf(["network", "rm", "mesh"]);
  await daemon.wharf(["volume", "rm", "data"]);
  await daemon.wharf(["volume", "prune", "-f"]);
  await daemon.wharf(["rmi", "made:1"]);
  assert.equal(await daemon.ok("volume", "ls", "-q"), "");
  assert.equal(await daemon.ok("ps", "-aq"), "");
}

const wharf = (daemon: Daemon, args: readonly string[]) => daemon.wharf(args, { timeoutMs: PATIENCE });

test("kill -9 at each step of networks, volumes, restarts, pauses, commits and archives", (t) =>
  killAtEach(
    t,
    road(DOCKER, wharf, {
      chosen: /^(network|volume|agent\.after)\./,
      needed: ["network.kept", "network.noted", "network.released", "network.removed", "volume.made", "volume.removed"],
      check: checkDocker,
    }),
  ));

const RUNT = ["--runtime", "io.containerd.runt.v2"];
const IMAGE = "docker.io/library/busybox:latest";

/** In a namespace of its own, that is made and removed as well. */
const CTR: readonly Command[] = [
  ["namespace made", ["namespaces", "create", "apart", "kind=trial"]],
  ["lease made", ["-n", "apart", "leases", "create", "--id", "held", "--expires", "1h"]],
  ["imported", ["-n", "apart", "images", "import", "ARCHIVE"]],
  ["tagged", ["-n", "apart", "images", "tag", IMAGE, "other:1"]],
  ["labelled", ["-n", "apart", "images", "label", "other:1", "some=label"]],
  ["ran", ["-n", "apart", "run", "-d", "--cgroup", "CGROUP", ...RUNT, IMAGE, "road", "sleep", "1000"]],
  ["paused", ["-n", "apart", "tasks", "pause", "road"]],
  ["resumed", ["-n", "apart", "tasks", "resume", "road"]],
  ["executed", ["-n", "apart", "tasks", "exec", "--exec-id", "e", "road", "true"]],
  ["killed", ["-n", "apart", "tasks", "kill", "-s", "9", "road"]],
  ["task removed", ["-n", "apart", "tasks", "rm", "-f", "road"]],
  ["container removed", ["-n", "apart", "containers", "rm", "road"]],
  ["exported", ["-n", "apart", "images", "export", "EXPORTED", "other:1"]],
  ["lease removed", ["-n", "apart", "leases", "rm", "--sync", "held"]],
  ["images removed", ["-n", "apart", "images", "rm", "--sync", "other:1", IMAGE]],
  ["namespace removed", ["namespaces", "rm", "apart"]],
];

async function checkCtr(daemon: Daemon, { done }: Way): Promise<void> {
  const has = (step: string) => done.includes(step);
  const list = async (...args: string[]) => (await ctr(daemon, ["-n", "apart", ...args])).stdout;
  const named = async () => /^apart$/m.test((await ctr(daemon, ["namespaces", "ls", "-q"])).stdout);
  if (has("namespace made") && !has("images removed")) assert.ok(await named(), "the namespace");
  if (has("namespace removed")) assert.ok(!(await named()), "the namespace is removed");
  if (has("lease made") && !has("exported")) assert.match(await list("leases", "ls", "-q"), /^held$/m);
  if (has("lease removed")) assert.doesNotMatch(await list("leases", "ls", "-q"), /^held$/m);
  if (has("imported") && !has("lease removed")) {
    assert.match(await list("images", "ls", "-q"), /busybox:latest/);
    assert.match(await list("images", "check"), /busybox.*complete/);
  }
  if (has("tagged") && !has("lease removed")) assert.match(await list("images", "ls", "-q"), /^other:1$/m);
  if (has("ran") && !has("executed")) assert.match(await list("tasks", "ls"), /^road\s+\d+\s+(RUNNING|PAUSED)/m);
  if (has("task removed")) assert.doesNotMatch(await list("tasks", "ls"), /^road/m);
  if (has("container removed")) assert.doesNotMatch(await list("containers", "ls", "-q"), /^road$/m);
  if (has("images removed")) assert.equal((await list("images", "ls", "-q")).trim(), "");
  for (const args of [
    ["tasks", "resume", "road"],
    ["tasks", "rm", "-f", "road"],
    ["containers", "rm", "road"],
    ["leases", "rm", "--sync", "held"],
    ["images", "rm", "--sync", "other:1", IMAGE],
  ])
    await ctr(daemon, ["-n", "apart", ...args]);
  await ctr(daemon, ["-n", "apart", "snapshots", "rm", "road"]);
  // a client's own lease lasts a day where the daemon was killed before the client could give it back
  for (const lease of (await list("leases", "ls", "-q")).match(/^ctr-\w+$/gm) ?? [])
    await ctr(daemon, ["-n", "apart", "leases", "rm", "--sync", lease]);
  // what a start or an import of the daemon's that is gone had, goes when it is collected
  await until(
    "an empty namespace",
    async () => (await ctr(daemon, ["namespaces", "rm", "apart"])).code === 0 || !(await named()),
  );
}

async function ctr(daemon: Daemon, args: readonly string[]): Promise<Result> {
  const archive = join(daemon.dir, "archive.tar");
  const words: Record<string, string> = {
    ARCHIVE: archive,
    EXPORTED: join(daemon.dir, "exported.tar"),
    CGROUP: `/${daemon.cgroup}/road`,
  };
  if (args.includes("import")) {
    const saved = await daemon.wharf(["save", "-o", archive, "busybox"]);
    if (saved.code !== 0) return saved;
  }
  const all = args.map((word) => words[word] ?? word);
  return execute([join(BIN, "ctr"), "-a", join(daemon.state, "containerd.sock"), ...all], { timeoutMs: PATIENCE });
}

test("kill -9 at each step of ctr's images, namespaces, leases, tasks and archives", (t) =>
  killAtEach(
    t,
    road(CTR, ctr, {
      chosen: /^(exec|gc|snapshot)\./,
      needed: ["task.created", "exec.started", "gc.swept"],
      check: checkCtr,
    }),
  ));
