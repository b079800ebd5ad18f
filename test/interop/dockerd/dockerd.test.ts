// time-out: 900 s
// A real dockerd with wharfd in containerd's place, while our own Docker layer has a container on the same wharfd: both ways to store images, live-restore across kill -9 of either daemon. The same on a real
// containerd that has our shim and our snapshotter.
import { join } from "node:path";
import { describe, test } from "node:test";
import { build } from "../e2e/daemon.ts";
import { checkSteps, type Expected } from "./steps.ts";

const SCRIPT = join(import.meta.dirname, "dockerd.sh");

const EXPECTED: Expected = {
  import: /^sha256:/,
  run: /^hello\n$/,
  status: [/^err\n$/, 7],
  // containerd's words, which dockerd passes on
  "no-file": [/for container: failed to create shim task: OCI runtime create failed: .*no such file/, 127],
  "no-shim": [
    /: failed to start shim: failed to resolve runtime path: runtime "io.containerd.nosuch.v2" binary not installed "containerd-shim-nosuch-v2"/,
    125,
  ],
  init: /^docker-init wharf\n$/,
  stdin: /^data\n$/,
  terminal: /^\/dev\/pts\/\d+\n$/,
  detached: /^[0-9a-f]{64}\n$/,
  exec: [/^in exec\n$/, 5],
  pause: /^c1\n$/,
  unpause: /^c1\n$/,
  update: /^c1\n$/,
  top: /trap "exit 3" TERM/,
  stats: /^c1 [12]\n$/,
  logs: /^line 1\nline 2\n$/,
  theirs: /^c1\n$/,
  ours: /^mine\n$/,
  restored: /^c1 running\n$/,
  "exec-restored": /^again\n$/,
  "exec-after": /^after\n$/,
  meanwhile: /^exited 42 0\n$/,
  "both-exec": /^both\n$/,
  "meanwhile-gone": /^meanwhile\n$/,
  victim: /^exited 137 0\n$/,
  "victim-gone": /^victim\n$/,
  restart: /^c1\n$/,
  restarted: /^c1 running\n$/,
  "ours-prune": /^$/,
  "theirs-live": /^lives\n$/,
  stop: /^c1\n$/,
  stopped: /^exited 3 0\n$/,
  start: /^c1\n$/,
  kill: /^c1\n$/,
  killed: /^137\n$/,
  remove: /^c1\n$/,
  oom: [/^/, 137],
  oomed: /^true\n$/,
  health: /^healthy\nhc\n$/,
  build: /^built\ncopied\n$/,
  saved: /more\n$/,
  registry: /^pushed\npulled built\n$/,
  prune: /^$/,
  images: /^$/,
  containers: /^$/,
  "ours-live": /^lives\n$/,
  "ours-image": /^linux\n$/,
  "ours-status": /^mine running\n$/,
  left: /^$/,
  tasks: [/^$/, 1],
};

build();
const MODES = {
  graph: ["wharfd with its own overlay2 driver", "overlay2"],
  store: ["wharfd with our content store and overlayfs snapshotter", "overlayfs"],
  theirs: ["a real containerd with our shim and our snapshotter", "wharf"],
};
// each in a network and folders of its own
describe("dockerd", { concurrency: 3 }, () => {
  for (const [mode, [what, snapshotter]] of Object.entries(MODES)) {
    const driver = new RegExp(`^${snapshotter} runt\n$`);
    // Two folders to look into, whose names are told with them.
    const tasks: Expected[string] = mode === "theirs" ? EXPECTED.tasks! : [/^\S+:\n\n\S+:\n$/, 1];
    // A real containerd forgets a task that ended while it was dead.
    const meanwhile: Expected[string] = mode === "theirs" ? /^exited (?:42|255) 0\n$/ : EXPECTED.meanwhile!;
    const expected = { driver, ...EXPECTED, meanwhile, tasks };
    test(`dockerd on ${what}`, (t) => checkSteps(t, SCRIPT, `dockerd-${mode}`, [mode], expected));
  }
});
