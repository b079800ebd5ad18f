import assert from "node:assert/strict";
import { test } from "node:test";
import { COUNT, changeOf, EXPLICITLY_STOPPED, POLICY, STATUS } from "./policy.ts";

const ended = (exitStatus: number) => ({ status: "stopped" as const, exitStatus });
const running = { status: "running" as const, exitStatus: 0 };
const paused = { status: "paused" as const, exitStatus: 0 };
const wanted = (policy?: string, more = {}) => ({
  [STATUS]: "running",
  ...(policy === undefined ? {} : { [POLICY]: policy }),
  ...more,
});

test("changeOf() leaves what is as it is to be, what nobody asked for, and what is paused", () => {
  assert.equal(changeOf({}, ended(1)), undefined);
  assert.equal(changeOf({ [STATUS]: "created" }, ended(1)), undefined);
  assert.equal(changeOf(wanted(), running), undefined);
  assert.equal(changeOf(wanted(), paused), undefined);
  assert.equal(changeOf({ [STATUS]: "stopped" }, ended(0)), undefined);
  assert.equal(changeOf({ [STATUS]: "stopped" }, undefined), undefined);
});

test("changeOf() stops what is to be stopped", () => {
  for (const task of [running, paused]) assert.equal(changeOf({ [STATUS]: "stopped" }, task), "stop");
});

test("changeOf() starts by policy, exit status, count and whether it was stopped by hand", () => {
  const start = (policy: string | undefined, exitStatus: number | undefined, more = {}) =>
    changeOf(wanted(policy, more), exitStatus === undefined ? undefined : ended(exitStatus)) === "start";
  for (const policy of [undefined, "", "always"]) {
    for (const exitStatus of [0, 1, undefined]) assert.ok(start(policy, exitStatus));
  }
  assert.ok(!start("no", 1));
  assert.deepEqual(
    [start("on-failure", 1), start("on-failure", 0), start("on-failure", undefined)],
    [true, false, false],
  );
  assert.deepEqual(
    [start("on-failure:2", 1, { [COUNT]: "1" }), start("on-failure:2", 1, { [COUNT]: "2" })],
    [true, false],
  );
  assert.ok(start("on-failure:0", 1, { [COUNT]: "100" }));
  assert.ok(start("unless-stopped", 0));
  assert.ok(start("unless-stopped", 0, { [EXPLICITLY_STOPPED]: "false" }));
  assert.ok(!start("unless-stopped", 0, { [EXPLICITLY_STOPPED]: "true" }));
});

test("changeOf() names the label that says nothing", () => {
  for (const policy of ["sometimes", "always:3", "on-failure:x", "on-failure:-1"]) {
    assert.throws(() => changeOf(wanted(policy), ended(1)), { code: "InvalidArgument", message: /restart\.policy/ });
  }
  assert.throws(() => changeOf(wanted("on-failure:3", { [COUNT]: "x" }), ended(1)), /restart\.count/);
});
