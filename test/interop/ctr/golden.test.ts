// What ctr prints, the original and ours, about the same daemon: the same to the letter but for what has a reason.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { removeCgroups } from "../../support/cgroups.ts";
import { build, Daemon } from "../e2e/daemon.ts";
import { Ctr } from "./ctr.ts";

const IMAGE = "docker.io/library/busybox:latest";
let daemon: Daemon;
let theirs: Ctr;
let own: Ctr;

before(async () => {
  build();
  daemon = await Daemon.start();
  await daemon.busybox();
  theirs = new Ctr(daemon, { namespace: "moby" });
  own = new Ctr(daemon, { namespace: "moby", own: true });
  await theirs.ok("run", "-d", "--fifo-dir", theirs.fifos, "--label", "a=b", IMAGE, "by-theirs", "sleep", "1000");
  await own.ok("run", "-d", "--fifo-dir", own.fifos, "--label", "a=b", IMAGE, "by-ours", "sleep", "1000");
});

after(async () => {
  for (const name of ["by-theirs", "by-ours"]) {
    await own.run(["tasks", "rm", "-f", name]);
    await own.run(["containers", "rm", name]);
  }
  await daemon[Symbol.asyncDispose]();
  removeCgroups("moby");
});

/** Spaces at the end of lines are the tables' own. */
const trimmed = (text: string) => text.replace(/ +$/gm, "");

for (const line of [
  "containers ls",
  "containers ls -q",
  "tasks ls",
  "tasks ls -q",
  "tasks ps by-ours",
  "images ls",
  "images ls -q",
  "images check",
  "images usage docker.io/library/busybox:latest",
  "snapshots ls",
  "snapshots tree",
  "snapshots usage",
  "snapshots mounts /mnt by-ours",
  "snapshots info by-ours",
  "content ls -q",
  "namespaces ls",
  "leases ls",
  "plugins ls",
  "sandboxes ls",
  "containers info by-theirs",
  "containers info --spec by-theirs",
  "-n nowhere containers ls",
  "deprecations list",
]) {
  test(`ctr ${line}`, async () => {
    const args = line.split(" ");
    const [expected, actual] = await Promise.all([theirs.ok(...args), own.ok(...args)]);
    if (expected.startsWith("{")) assert.deepEqual(JSON.parse(actual), JSON.parse(expected));
    else assert.equal(trimmed(actual), trimmed(expected));
  });
}

test("the container that ours makes is the one that the original makes", async () => {
  const record = async (name: string) => {
    const text = await theirs.ok("containers", "info", name);
    const { CreatedAt, UpdatedAt, ...rest } = JSON.parse(text.replaceAll(name, "NAME")) as Record<string, unknown>;
    assert.ok(CreatedAt && UpdatedAt);
    return rest as { Spec: { ociVersion: string } };
  };
  const [expected, actual] = [await record("by-theirs"), await record("by-ours")];
  // we say which version of the specification we keep to
  actual.Spec.ociVersion = expected.Spec.ociVersion;
  assert.deepEqual(actual, expected);
});

test("errors name what is missing, and end with another status than 0", async () => {
  for (const line of ["containers info nobody", "tasks kill nobody", "images usage nothing", "snapshots info none"]) {
    const args = line.split(" ");
    const [expected, actual] = [await theirs.fails(...args), await own.fails(...args)];
    for (const text of [expected, actual]) assert.match(text, /not found/, line);
  }
  // what is missing is said once, whatever the client puts before it
  const snapshotter = await theirs.fails("snapshots", "--snapshotter", "nosuch", "ls");
  assert.match(snapshotter, /^ctr: snapshotter not loaded: nosuch\n$/);
  await own.ok("containers", "create", IMAGE, "idle", "true");
  assert.match(await theirs.fails("tasks", "kill", "idle"), /^ctr: no running task found: task "idle" not found\n$/);
  await own.ok("containers", "rm", "idle");
});
