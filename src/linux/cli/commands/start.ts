// wharf start: start containers again, or one in the foreground.
import { ANY } from "../../../common/cli/command.ts";
import { bool, refused, string } from "../../../common/cli/flags.ts";
import { WharfError } from "../../../common/errors.ts";
import { type Cli, command } from "../cli.ts";
import { each, pathName } from "../container/each.ts";
import {
  beginWait,
  codeOfEnding,
  detachKeys,
  forwardSignal,
  requireTerminal,
  resize,
  startFailure,
  waited,
} from "../container/foreground.ts";
import { ExitCode, report } from "../errors.ts";
import { attach } from "../stream/attach.ts";
import { Signals } from "../stream/signals.ts";

const NO_CHECKPOINTS = "checkpoints are an experiment of docker's";
const NO_FLAG = "leave the flag away";

export interface InspectedContainer {
  readonly Id: string;
  readonly Name: string;
  readonly State: { readonly Running: boolean; readonly Paused: boolean; readonly Restarting: boolean };
  readonly Config: { readonly Tty: boolean; readonly OpenStdin: boolean };
  readonly HostConfig: { readonly AutoRemove?: boolean };
}

async function startAttached(cli: Cli, name: string, wantsStdin: boolean, keysFlag: string): Promise<number> {
  const path = `/containers/${pathName(name)}`;
  const container = await cli.api.json<InspectedContainer>("GET", `${path}/json`, { doing: "inspect container" });
  const { Id: id, Config: config } = container;
  const stdin = wantsStdin && config.OpenStdin;
  requireTerminal(cli, stdin, config.Tty);
  const keys = stdin && config.Tty ? detachKeys(cli, keysFlag) : undefined;
  using signals = new Signals(cli, !config.Tty);
  const query = { stream: true, stdin, stdout: true, stderr: true, ...(keys ? { detachKeys: keys.query } : {}) };
  const [stream, wait] = await Promise.all([
    cli.api.hijack(`/containers/${id}/attach`, { query, doing: "attach to container" }),
    beginWait(cli, id, container.HostConfig.AutoRemove ? "removed" : "next-exit"),
  ]);
  try {
    await cli.api.call("POST", `/containers/${id}/start`, { doing: "start container" });
  } catch (error) {
    report(cli, error, "wharf start");
    throw new ExitCode(startFailure(error));
  }
  const terminal = config.Tty && cli.isTerminal(1);
  if (terminal) await resize(cli, `/containers/${id}`).catch(() => undefined);
  signals.aim({
    name,
    forward: config.Tty ? undefined : (signal) => forwardSignal(cli, id, signal),
    resize: terminal ? () => resize(cli, `/containers/${id}`) : undefined,
  });
  const ending = await attach(stream, { tty: config.Tty, stdin, keys: keys?.keys, raw: keys !== undefined });
  return codeOfEnding(cli, ending, name) ?? (await waited(cli, wait, name));
}

export const start = command({
  name: "start",
  summary: "Start containers that do not run",
  usage: "CONTAINER [CONTAINER...]",
  args: { min: 1, max: ANY },
  section: "containers",
  completes: "stopped",
  flags: {
    attach: bool("Stay in the foreground: its output, and signals to it", { short: "a" }),
    interactive: bool("Stay in the foreground with stdin", { short: "i" }),
    "detach-keys": string("Keys that detach from it", { type: "KEYS" }),
    checkpoint: refused(NO_CHECKPOINTS, NO_FLAG, { type: "string" }),
    "checkpoint-dir": refused(NO_CHECKPOINTS, NO_FLAG, { type: "string" }),
  },
  examples: [
    { what: "Start two", line: "start web db" },
    { what: "A shell again", line: "start -ai box" },
  ],
  run: async (cli, { flags, args }) => {
    if (flags.attach || flags.interactive) {
      if (args.length > 1) {
        throw new WharfError("InvalidArgument", "only one container can be in the foreground", { operation: "usage" });
      }
      return startAttached(cli, args[0]!, flags.interactive, flags["detach-keys"]);
    }
    return each(cli, args, async (name) => {
      await cli.api.call("POST", `/containers/${pathName(name)}/start`, { doing: "start container" });
      return `${name}\n`;
    });
  },
});
