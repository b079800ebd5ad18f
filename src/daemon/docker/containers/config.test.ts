import assert from "node:assert/strict";
import { test } from "node:test";
import { argumentsOf, mergeConfig } from "./config.ts";
import { ago } from "./durations.ts";
import { exitCodeOf } from "./failures.ts";
import { parseSignal } from "./signals.ts";

const ID = "0123456789abcdef".repeat(4);
const image = {
  Env: ["PATH=/bin", "X=image"],
  Cmd: ["sh"],
  Entrypoint: ["/entry"],
  Labels: { a: "1", b: "2" },
  User: "app",
  StopSignal: "SIGUSR1",
};

test("mergeConfig() lays a request over its image", () => {
  const config = mergeConfig({ Image: "i", Env: ["X=own"], Labels: { b: "3" } }, image, ID);
  assert.deepEqual(config.Env, ["X=own", "PATH=/bin"]);
  assert.deepEqual(config.Labels, { a: "1", b: "3" });
  assert.equal(config.User, "app");
  assert.equal(config.Hostname, "0123456789ab");
  assert.equal(config.StopSignal, "SIGUSR1");
  assert.deepEqual(argumentsOf(config), ["/entry", "sh"]);
});

test("mergeConfig() combines entrypoint and command as Docker does", () => {
  const args = (request: Parameters<typeof mergeConfig>[0]) => argumentsOf(mergeConfig(request, image, ID));
  assert.deepEqual(args({ Cmd: ["ls", "-l"] }), ["/entry", "ls", "-l"]);
  assert.deepEqual(args({ Entrypoint: ["e"] }), ["e"]);
  assert.deepEqual(args({ Entrypoint: "e", Cmd: "one string" }), ["e", "one string"]);
  assert.deepEqual(args({ Entrypoint: [""], Cmd: ["x"] }), ["x"]);
  assert.throws(() => argumentsOf(mergeConfig({}, {}, ID)), /no command specified/);
});

test("mergeConfig() refuses what cannot be", () => {
  const fails = (request: Parameters<typeof mergeConfig>[0], message: RegExp) =>
    assert.throws(() => mergeConfig(request, image, ID), message);
  fails({ WorkingDir: "rel" }, /needs to be an absolute path/);
  fails({ Env: ["=x"] }, /invalid environment variable: =x/);
  fails({ Hostname: "a b" }, /invalid hostname format/);
  fails({ StopSignal: "NOPE" }, /Invalid signal: NOPE/);
  fails({ Cmd: [1] }, /Cmd must be a list of strings/);
});

test("parseSignal() knows names, numbers and real-time signals", () => {
  assert.deepEqual(["KILL", "sigterm", "9", "SIGRTMIN+3", "RTMAX-1"].map(parseSignal), [9, 15, 9, 37, 63]);
  for (const bad of ["0", "65", "", "NOPE", "RTMIN-1"]) assert.throws(() => parseSignal(bad), /Invalid signal/);
});

test("ago() has Docker's words", () => {
  const s = 1000;
  const table: [number, string][] = [
    [0, "Less than a second"],
    [1 * s, "1 second"],
    [59 * s, "59 seconds"],
    [60 * s, "About a minute"],
    [130 * s, "2 minutes"],
    [3600 * s, "About an hour"],
    [7300 * s, "2 hours"],
    [47 * 3600 * s, "47 hours"],
    [49 * 3600 * s, "2 days"],
    [15 * 86400 * s, "2 weeks"],
    [70 * 86400 * s, "2 months"],
    [800 * 86400 * s, "2 years"],
  ];
  for (const [time, text] of table) assert.equal(ago(time), text);
});

test("exitCodeOf() tells what exec answered", () => {
  assert.equal(exitCodeOf(new Error("x", { cause: new Error('exec: "a": executable file not found in $PATH') })), 127);
  assert.equal(exitCodeOf(new Error("executable file `/a` not found: No such file or directory")), 127);
  assert.equal(exitCodeOf(new Error('exec: "/etc": permission denied')), 126);
  assert.equal(exitCodeOf(new Error("mount /x on /y: no such file or directory")), 128);
});
