// wharf attach: be the foreground of a container that runs already.
import { bool, string } from "../../../common/cli/flags.ts";
import { WharfError } from "../../../common/errors.ts";
import { command } from "../cli.ts";
import { pathName } from "../container/each.ts";
import {
  beginWait,
  codeOfEnding,
  detachKeys,
  forwardSignal,
  redraw,
  requireTerminal,
  resize,
  waited,
} from "../container/foreground.ts";
import { attach as attachStream } from "../stream/attach.ts";
import { Signals } from "../stream/signals.ts";
import type { InspectedContainer } from "./start.ts";

function requireRunning({ State: state }: InspectedContainer, name: string): void {
  const fail = (what: string, hint: string) =>
    new WharfError("FailedPrecondition", `container ${JSON.stringify(name)} ${what}`, { hint });
  if (state.Restarting) throw fail("is being restarted", "wait until it runs");
  if (!state.Running) throw fail("does not run", `start it: wharf start -ai ${name}`);
  if (state.Paused) throw fail("is paused", `let it go on: wharf unpause ${name}`);
}

export const attach = command({
  name: "attach",
  summary: "Connect to a running container's streams",
  description:
    "The container's exit code becomes ours when it ends meanwhile. With a terminal ctrl-p ctrl-q leaves it running; without one signals go on to it, ctrl-c too, unless --sig-proxy=false.",
  usage: "CONTAINER",
  args: { min: 1, max: 1 },
  section: "containers",
  completes: "running",
  flags: {
    "detach-keys": string("Keys that detach from it", { type: "KEYS" }),
    "no-stdin": bool("Only its output"),
    "sig-proxy": bool("Pass signals on to it", { initial: true }),
  },
  examples: [
    { what: "Back to a shell; ctrl-p ctrl-q leaves it running", line: "attach box" },
    { what: "Only watch, and leave with ctrl-c", line: "attach --no-stdin --sig-proxy=false web" },
  ],
  run: async (cli, { flags, args }) => {
    const name = args[0]!;
    const path = `/containers/${pathName(name)}`;
    const container = await cli.api.json<InspectedContainer>("GET", `${path}/json`, { doing: "inspect container" });
    requireRunning(container, name);
    const { Id: id, Config: config } = container;
    const stdin = !flags["no-stdin"] && config.OpenStdin;
    requireTerminal(cli, stdin, config.Tty);
    const keys = stdin && config.Tty ? detachKeys(cli, flags["detach-keys"]) : undefined;
    const forwards = flags["sig-proxy"] && !config.Tty;
    using signals = new Signals(cli, forwards);
    const wait = await beginWait(cli, id, "");
    const query = { stream: true, stdin, stdout: true, stderr: true, ...(keys ? { detachKeys: keys.query } : {}) };
    const stream = await cli.api.hijack(`/containers/${id}/attach`, { query, doing: "attach to container" });
    const terminal = config.Tty && cli.isTerminal(1);
    signals.aim({
      name,
      forward: forwards ? (signal) => forwardSignal(cli, id, signal) : undefined,
      resize: terminal ? () => resize(cli, `/containers/${id}`) : undefined,
    });
    if (terminal) await redraw(cli, `/containers/${id}`);
    const ending = await attachStream(stream, { tty: config.Tty, stdin, keys: keys?.keys, raw: keys !== undefined });
    return codeOfEnding(cli, ending, name) ?? (await waited(cli, wait, name));
  },
});
