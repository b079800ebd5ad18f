// Our Docker layer on a real containerd, written against its API alone: `wharfd --containerd SOCKET`.
import { join } from "node:path";
import { test } from "node:test";
import { build } from "../e2e/daemon.ts";
import { checkSteps, type Expected } from "./steps.ts";

const EXPECTED: Expected = {
  nobody: [/nobody\.sock|cut off/, 1],
  run: /^hello\n$/,
  status: [/^err\n$/, 7],
  detached: /^[0-9a-f]{64}\n$/,
  exec: [/^in exec\n$/, 5],
  pause: /^c1\n$/,
  unpause: /^c1\n$/,
  stats: /^c1 [12]\n$/,
  "exec-after-wharfd": /^again\n$/,
  "exec-after-containerd": /^after\n$/,
  listed: /^c1 running\n$/,
  logs: /^line 1\nline 2\n$/,
  stop: /^c1\n$/,
  stopped: /^exited 3\n$/,
  start: /^c1\n$/,
  kill: /^c1\n$/,
  killed: /^137\n$/,
  victim: /^[0-9a-f]{64}\n$/,
  "victim-ended": /^exited 137\n$/,
  "without-wharfd": /^exited 42\n$/,
  // containerd forgets the task; our shim tells its end as soon as containerd is back, which is heard when we are back by then
  "without-containerd": /^exited (?:42|255)\n$/,
  "ended-gone": /^victim\nwithout-wharfd\nwithout-containerd\n$/,
  commit: /^sha256:/,
  remove: /^c1\n$/,
  push: /^localhost:5000\/lab\/c:1\n$/,
  forget: /^Untagged/,
  pull: /^localhost:5000\/lab\/c:1\n$/,
  pulled: /^pulled\n$/,
  oom: [/^/, 137],
  oomed: /^true\n$/,
  gone: /^oc\n$/,
  prune: /^$/,
  containers: /^$/,
  snapshots: /^$/,
  mounts: [/^$/, 1],
};

build();
test("the Docker layer on containerd", (t) =>
  checkSteps(t, join(import.meta.dirname, "upper.sh"), "upper", [], EXPECTED));
