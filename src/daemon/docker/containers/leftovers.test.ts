import assert from "node:assert/strict";
import { test } from "node:test";
import { WharfError } from "../../../common/errors.ts";
import { Leftovers } from "./leftovers.ts";

test("remove() tries again what could not be removed, and says so once", async () => {
  const asked: (readonly string[])[] = [];
  const logged: string[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const remove = async (paths: readonly string[]) => {
    asked.push(paths);
    if (asked.length === 1) throw new WharfError("Internal", "fork: EAGAIN: resource temporarily unavailable");
    resolve();
  };
  // its own timers keep nobody running
  const alive = setInterval(() => {}, 1000);
  const leftovers = new Leftovers({ remove }, (_, message) => logged.push(message));
  leftovers.remove("/a");
  leftovers.remove("/b");
  await promise;
  clearInterval(alive);
  await leftovers[Symbol.asyncDispose]();
  assert.deepEqual(asked, [
    ["/a", "/b"],
    ["/a", "/b"],
  ]);
  assert.deepEqual(logged, ["folders of removed containers are left for now"]);
});
