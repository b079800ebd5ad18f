import assert from "node:assert/strict";
import { test } from "node:test";
import { type Code, WharfError } from "../../../common/errors.ts";
import { TaskExit } from "../../../common/gen/containerd/events/task.ts";
import { packAny } from "../../../common/protobuf/any.ts";
import type { EventService } from "../../containerd/api/events.ts";
import type { Caller } from "./call.ts";
import { HeardExits } from "./exits.ts";
import { RemoteTasks } from "./tasks.ts";

/** A containerd that fails each wait with the next of these codes, the last one for ever, and never tells of an end. */
function failing(...codes: Code[]) {
  const asked: number[] = [];
  let calls = 0;
  const call = (() => ({
    wait: async () => {
      throw new WharfError(codes[Math.min(calls++, codes.length - 1)]!, "no");
    },
  })) as unknown as Caller;
  const exits = {
    expect: () => ({
      heard: async (ms: number) => {
        asked.push(ms);
        return undefined;
      },
      [Symbol.dispose]: () => {},
    }),
  };
  return { asked, calls: () => calls, tasks: (patience?: number) => new RemoteTasks(call, exits, patience) };
}

test("wait() is answered at once with what is said of the request itself, and of what never was there", async () => {
  for (const code of ["InvalidArgument", "PermissionDenied", "Unauthenticated", "Unimplemented", "NotFound"] as const) {
    const containerd = failing(code);
    await assert.rejects(containerd.tasks().wait({ containerId: "c" }), { code });
    assert.deepEqual([containerd.asked, containerd.calls()], [[], 1], code);
  }
});

test("wait() looks for the end among the events when the shim is gone, or containerd was", async () => {
  for (const codes of [["Unknown"], ["Unavailable", "NotFound"]] as const) {
    const containerd = failing(...codes);
    await assert.rejects(containerd.tasks().wait({ containerId: "c" }), { code: codes.at(-1)! });
    assert.deepEqual([containerd.asked, containerd.calls()], [[8000], codes.length]);
  }
});

test("wait() does not wait for events of a containerd that has not answered for long", async () => {
  const containerd = failing("Unavailable");
  await assert.rejects(containerd.tasks(1).wait({ containerId: "c" }), { code: "Unavailable" });
  assert.deepEqual([containerd.asked, containerd.calls()], [[0], 2]);
});

test("heard() ends with the signal, and with the end that is told", async () => {
  const told = Promise.withResolvers<void>();
  const event = packAny(TaskExit, { containerId: "c", id: "c", exitStatus: 3 });
  const subscribe = async function* () {
    await told.promise;
    yield { namespace: "n", topic: "/tasks/exit", event };
    await new Promise(() => {});
  };
  const exits = new HeardExits("n", () => ({ subscribe }) as unknown as EventService);
  // a day: the test's own limit comes first
  const long = 86_400_000;
  {
    using expected = exits.expect("c", "");
    const leaving = new AbortController();
    const heard = expected.heard(long, leaving.signal);
    leaving.abort();
    assert.equal(await heard, undefined);
    assert.equal(await expected.heard(long, leaving.signal), undefined);
    const exit = expected.heard(long);
    told.resolve();
    assert.equal((await exit)?.exitStatus, 3);
  }
});
