import assert from "node:assert/strict";
import { test } from "node:test";
import { parsePort } from "./ports.ts";

const show = (text: string) => parsePort(text).map(({ port, HostIp, HostPort }) => `${HostIp}|${HostPort}|${port}`);

test("parsePort() reads docker's forms", () => {
  assert.deepEqual(show("80"), ["||80/tcp"]);
  assert.deepEqual(show("8080:80"), ["|8080|80/tcp"]);
  assert.deepEqual(show("127.0.0.1:8080:80/udp"), ["127.0.0.1|8080|80/udp"]);
  assert.deepEqual(show("127.0.0.1::80"), ["127.0.0.1||80/tcp"]);
  assert.deepEqual(show("[::1]:8080:80"), ["::1|8080|80/tcp"]);
  assert.deepEqual(show("8000-8002:80-82"), ["|8000|80/tcp", "|8001|81/tcp", "|8002|82/tcp"]);
  assert.deepEqual(show("8000-8010:80"), ["|8000-8010|80/tcp"]);
  assert.deepEqual(show("80-81"), ["||80/tcp", "||81/tcp"]);
  assert.deepEqual(show("published=8080,target=80,protocol=udp"), ["|8080|80/udp"]);
});

test("parsePort() refuses what docker refuses", () => {
  for (const bad of [
    "",
    ":",
    "x",
    "80:",
    "70000",
    "80:70000",
    "81-80",
    "1-3:1-2",
    "80/icmp",
    "1.2.3:80:80",
    "1:2:3:4",
    "published=1",
  ]) {
    assert.throws(() => parsePort(bad), bad);
  }
});
