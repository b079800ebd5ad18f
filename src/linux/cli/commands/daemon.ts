// wharf daemon start|stop|status|logs: the daemon on this machine.

import type { Group } from "../../../common/cli/command.ts";
import { bool, int, list, string } from "../../../common/cli/flags.ts";
import { humanDuration } from "../../../common/cli/units.ts";
import { WharfError } from "../../../common/errors.ts";
import { isErrno } from "../../sys/call.ts";
import { close, exists, Fd, O, open, readText, stat, statIfThere } from "../../sys/fs.ts";
import { loop, onSignals } from "../../sys/loop.ts";
import { NR } from "../../sys/nr.ts";
import { kill, pidfdOpen, SIGNALS } from "../../sys/process.ts";
import { epochUs } from "../../sys/time.ts";
import { type Cli, command } from "../cli.ts";
import { configOf, logOf, pidFileOf, rootOf, socketOf, stateOf } from "../daemon/places.ts";
import { runsAsService, stopService, UNIT } from "../daemon/service.ts";
import { startDaemon } from "../daemon/start.ts";
import { Api } from "../http/api.ts";
import { connectTo, nobodyListens } from "../http/endpoint.ts";

const STATE = string("Folder of sockets and state (also WHARF_STATE)", { type: "DIR" });

interface Running {
  readonly pid: number;
  readonly version: string;
}

/** Undefined when nobody listens on the state folder's socket. */
async function running(cli: Cli, state: string): Promise<Running | undefined> {
  const endpoint = { kind: "unix", path: socketOf(cli.env, state) } as const;
  try {
    close(await connectTo(endpoint));
  } catch (error) {
    if (nobodyListens(error)) return undefined;
    throw error;
  }
  using api = new Api({ endpoint });
  const { Version: version } = await api.json<{ Version: string }>("GET", "/version");
  return { pid: pidOf(state), version };
}

/** 0 when the file does not tell. */
function pidOf(state: string): number {
  try {
    return Number.parseInt(readText(pidFileOf(state)), 10) || 0;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return 0;
    throw error;
  }
}

const start = command({
  name: "start",
  summary: "Start the daemon",
  usage: "",
  args: { min: 0, max: 0 },
  section: "system",
  flags: {
    root: string("Folder of the data (also WHARF_ROOT)", { type: "DIR" }),
    state: STATE,
    config: string("Configuration file (also WHARF_CONFIG)", { type: "FILE" }),
    option: list("A further flag for wharfd, as it stands", { type: "FLAG" }),
  },
  examples: [
    { what: "The one every command uses", line: "daemon start" },
    { what: "A second one beside it", line: "daemon start --root /srv/w2 --state /run/w2" },
  ],
  run: async (cli, { flags }) => {
    const state = stateOf(cli.env, flags.state);
    const there = await running(cli, state);
    if (there) {
      cli.err(`the daemon runs already (pid ${there.pid}, version ${there.version})\n`);
      return 0;
    }
    if (flags.config && !exists(flags.config)) {
      throw new WharfError("NotFound", `there is no configuration ${JSON.stringify(flags.config)}`);
    }
    const places = { root: rootOf(cli.env, flags.root), state, config: configOf(cli.env, flags.config) };
    const pid = await startDaemon(cli.env, places, flags.option);
    cli.err(`the daemon runs${pid > 0 ? ` (pid ${pid})` : ""}; its socket is unix://${socketOf(cli.env, state)}\n`);
    return 0;
  },
});

const stop = command({
  name: "stop",
  summary: "Stop the daemon; containers go on",
  usage: "",
  args: { min: 0, max: 0 },
  section: "system",
  flags: {
    state: STATE,
    timeout: int("Seconds to wait for its end", { short: "t", initial: 30, min: 0, type: "SECONDS" }),
  },
  examples: [{ what: "Stop it", line: "daemon stop" }],
  run: async (cli, { flags }) => {
    const state = stateOf(cli.env, flags.state);
    if (!(await running(cli, state))) {
      cli.err("the daemon does not run\n");
      return 0;
    }
    const pid = pidOf(state);
    if (pid === 0) {
      throw new WharfError("NotFound", `${pidFileOf(state)} does not name the daemon's process`, {
        hint: "end it by hand",
      });
    }
    if (runsAsService(pid)) {
      stopService();
      cli.err(`${UNIT} has stopped; containers go on\n`);
      return 0;
    }
    using process = new Fd(pidfdOpen(pid));
    kill(pid, SIGNALS.TERM);
    let late = false;
    const ended = loop().readable(process.value);
    const patience = loop().sleep(flags.timeout * 1000);
    await Promise.race([ended, patience.then(() => (late = true))]);
    if (late) {
      throw new WharfError("DeadlineExceeded", `the daemon (pid ${pid}) has not ended after ${flags.timeout} s`, {
        hint: `'wharf daemon logs' may tell why; kill -9 ${pid} ends it without loss`,
      });
    }
    cli.err("the daemon has stopped; containers go on\n");
    return 0;
  },
});

const status = command({
  name: "status",
  summary: "Tell whether the daemon runs",
  usage: "",
  args: { min: 0, max: 0 },
  section: "system",
  flags: { state: STATE },
  examples: [{ what: "Exit code 0: runs, 3: does not", line: "daemon status" }],
  run: async (cli, { flags }) => {
    const state = stateOf(cli.env, flags.state);
    const there = await running(cli, state);
    if (!there) {
      cli.out(`not running (no answer at ${socketOf(cli.env, state)})\n`);
      return 3;
    }
    const since = statIfThere(pidFileOf(state))?.mtime;
    const age = since === undefined ? "" : `, up ${humanDuration(epochUs() / 1e6 - since).toLowerCase()}`;
    cli.out(`running: pid ${there.pid}, version ${there.version}${age}\n`);
    const log = runsAsService(there.pid) ? `journalctl --unit ${UNIT}` : logOf(state);
    cli.out(`socket:  unix://${socketOf(cli.env, state)}\nlog:     ${log}\n`);
    return 0;
  },
});

/** How often the log is looked at. */
const FOLLOW_MS = 200;

async function follow(cli: Cli, path: string, from: number): Promise<number> {
  let at = from;
  let code = 0;
  using _signals = onSignals([SIGNALS.INT, SIGNALS.TERM], (signal) => {
    code = 128 + signal;
  });
  const buffer = new Uint8Array(65536);
  while (code === 0) {
    if (stat(path).size < at) at = 0;
    using file = new Fd(open(path, O.RDONLY));
    for (;;) {
      const n = native.syscall(NR.pread64, file.value, buffer, buffer.length, at);
      if (n <= 0) break;
      cli.out(buffer.subarray(0, n));
      at += n;
    }
    await loop().sleep(FOLLOW_MS);
  }
  return code;
}

const logs = command({
  name: "logs",
  summary: "Show the daemon's log",
  usage: "",
  args: { min: 0, max: 0 },
  section: "system",
  flags: {
    state: STATE,
    follow: bool("Go on with what comes", { short: "f" }),
    tail: int("Only the last N lines; -1 for all", { short: "n", initial: -1, type: "N" }),
  },
  examples: [{ what: "What happens now", line: "daemon logs -f -n 10" }],
  run: async (cli, { flags }) => {
    const state = stateOf(cli.env, flags.state);
    const path = logOf(state);
    if (runsAsService(pidOf(state))) {
      throw new WharfError("FailedPrecondition", `the daemon is ${UNIT}, whose log systemd keeps`, {
        hint: `journalctl --unit ${UNIT}`,
      });
    }
    let text: string;
    try {
      text = readText(path);
    } catch (error) {
      if (!isErrno(error, "ENOENT")) throw error;
      throw new WharfError("NotFound", `there is no log ${path}`, {
        hint: "was the daemon started by 'wharf daemon start'?",
      });
    }
    const lines = text.split("\n").slice(0, -1);
    const kept = flags.tail < 0 ? lines : flags.tail === 0 ? [] : lines.slice(-flags.tail);
    if (kept.length > 0) cli.out(`${kept.join("\n")}\n`);
    return flags.follow ? follow(cli, path, native.bytes(text).length) : 0;
  },
});

export const daemon: Group<Cli> = {
  name: "daemon",
  summary: "Start, stop and watch the daemon on this machine",
  section: "system",
  commands: new Map([start, stop, status, logs].map((node) => [node.name, node])),
};
