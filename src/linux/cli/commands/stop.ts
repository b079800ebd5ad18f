// wharf stop, restart, kill: how containers end.
import { ANY } from "../../../common/cli/command.ts";
import { maybeInt, string } from "../../../common/cli/flags.ts";
import { monotonicMs } from "../../sys/time.ts";
import { type Cli, command } from "../cli.ts";
import { each, pathName } from "../container/each.ts";

const STOP_FLAGS = {
  signal: string("Signal to send first", { short: "s", type: "SIGNAL", completes: "signals" }),
  timeout: maybeInt("Seconds to wait before it is killed; -1 waits for ever", { short: "t", type: "SECONDS" }),
  time: maybeInt("Seconds to wait", { hidden: true, same: "timeout" }),
} as const;

/** From this time on a person may wonder what was waited for. */
const LONG_MS = 1000;

interface Ended {
  readonly State: { readonly ExitCode: number; readonly OOMKilled?: boolean };
  readonly Config: { readonly StopSignal?: string };
}

/** Why a stop took its whole time: the first process did not heed the signal, which for process 1 means that it has no handler. */
async function explainWait(cli: Cli, name: string, signal: string): Promise<void> {
  try {
    const { State, Config } = await cli.api.json<Ended>("GET", `/containers/${pathName(name)}/json`);
    if (State.ExitCode !== KILLED || State.OOMKilled) return;
    const sent = signal || Config.StopSignal || "SIGTERM";
    cli.err(
      `hint: ${name} did not heed ${sent} and was killed; run it with --init, or name its signal with --stop-signal\n`,
    );
  } catch {
    // with --rm it is gone
  }
}

/** The exit code of what SIGKILL ended. */
const KILLED = 137;

export const stop = command({
  name: "stop",
  summary: "Stop running containers",
  description:
    "Sends the container's stop signal, SIGTERM unless the image says otherwise, and kills it when its time is over.",
  usage: "CONTAINER [CONTAINER...]",
  args: { min: 1, max: ANY },
  section: "containers",
  completes: "running",
  flags: STOP_FLAGS,
  examples: [
    { what: "Ask politely, kill after ten seconds", line: "stop web" },
    { what: "All at once, with two seconds", line: "stop -t 2 $(wharf ps -q)" },
  ],
  run: (cli, { flags, args }) =>
    each(cli, args, async (name) => {
      const query = { signal: flags.signal || undefined, t: flags.timeout };
      const begun = monotonicMs();
      await cli.api.call("POST", `/containers/${pathName(name)}/stop`, { query, doing: "stop container" });
      if (monotonicMs() - begun >= LONG_MS && cli.isTerminal(2)) await explainWait(cli, name, flags.signal);
      return `${name}\n`;
    }),
});

export const restart = command({
  name: "restart",
  summary: "Stop containers and start them again",
  usage: "CONTAINER [CONTAINER...]",
  args: { min: 1, max: ANY },
  section: "containers",
  completes: "containers",
  flags: STOP_FLAGS,
  examples: [{ what: "With two seconds to end", line: "restart -t 2 web" }],
  run: (cli, { flags, args }) =>
    each(cli, args, async (name) => {
      const query = { signal: flags.signal || undefined, t: flags.timeout };
      await cli.api.call("POST", `/containers/${pathName(name)}/restart`, { query, doing: "restart container" });
      return `${name}\n`;
    }),
});

export const kill = command({
  name: "kill",
  summary: "Send a signal to running containers",
  usage: "CONTAINER [CONTAINER...]",
  args: { min: 1, max: ANY },
  section: "containers",
  completes: "running",
  flags: { signal: string("The signal, by name or number", { short: "s", type: "SIGNAL", completes: "signals" }) },
  examples: [
    { what: "End it at once", line: "kill web" },
    { what: "Let it read its configuration again", line: "kill -s HUP web" },
  ],
  run: (cli, { flags, args }) =>
    each(cli, args, async (name) => {
      const query = { signal: flags.signal || undefined };
      await cli.api.call("POST", `/containers/${pathName(name)}/kill`, { query, doing: "kill container" });
      return `${name}\n`;
    }),
});
