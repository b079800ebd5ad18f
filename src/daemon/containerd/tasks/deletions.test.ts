import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeEvent, taskDelete } from "../events/messages.ts";
import { Deletions } from "./deletions.ts";

const EXIT = { pid: 7, exitStatus: 3, exitedAt: "2026-01-01T00:00:00Z" };

test("a deletion that a shim tells of is told once; of one that it does not tell the daemon tells, once", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const told: string[] = [];
  using deletions = new Deletions({
    emit: (namespace, { event }) => void told.push(`${namespace}/${String(decodeEvent(event)?.containerId)}`),
  });
  const own = (containerId: string) => ({
    ...{ namespace: "a", timestamp: EXIT.exitedAt },
    ...taskDelete({ containerId, id: containerId, pid: EXIT.pid, exitStatus: 3 }),
  });
  assert.equal(deletions.admit(own("early")), true);
  deletions.concluded("a", "early", EXIT);
  deletions.concluded("a", "soon", EXIT);
  t.mock.timers.tick(500);
  assert.equal(deletions.admit(own("soon")), true);
  deletions.concluded("a", "never", EXIT);
  t.mock.timers.tick(999);
  assert.deepEqual(told, []);
  t.mock.timers.tick(1);
  assert.deepEqual(told, ["a/never"]);
  assert.equal(deletions.admit(own("never")), false, "too late");
  deletions.tell("a", "dead", EXIT);
  deletions.concluded("a", "dead", EXIT);
  t.mock.timers.tick(5000);
  assert.deepEqual(told, ["a/never", "a/dead"]);
  // Of an exec, and in another namespace.
  const exec = taskDelete({ containerId: "never", id: "e1", pid: EXIT.pid });
  assert.equal(deletions.admit({ ...own("never"), ...exec }), true);
  assert.equal(deletions.admit({ ...own("never"), namespace: "b" }), true);
});
