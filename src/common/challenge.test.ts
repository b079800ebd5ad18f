import assert from "node:assert/strict";
import { test } from "node:test";
import { parseChallenges } from "./challenge.ts";

test("parseChallenges() reads a bearer challenge", () => {
  const header =
    'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/busybox:pull,push"';
  assert.deepEqual(parseChallenges(header), [
    {
      scheme: "bearer",
      parameters: {
        realm: "https://auth.docker.io/token",
        service: "registry.docker.io",
        scope: "repository:library/busybox:pull,push",
      },
    },
  ]);
});

test("parseChallenges() reads several challenges, tokens, escapes and odd spaces", () => {
  assert.deepEqual(parseChallenges('Basic realm="a \\"b\\", c" , Negotiate,  BEARER  Realm = x , Service="y"'), [
    { scheme: "basic", parameters: { realm: 'a "b", c' } },
    { scheme: "negotiate", parameters: {} },
    { scheme: "bearer", parameters: { realm: "x", service: "y" } },
  ]);
});

test("parseChallenges() stops at what it cannot understand", () => {
  assert.deepEqual(parseChallenges(""), []);
  assert.deepEqual(parseChallenges('Bearer realm="unfinished'), [{ scheme: "bearer", parameters: {} }]);
  assert.deepEqual(parseChallenges("\u0001"), []);
});
