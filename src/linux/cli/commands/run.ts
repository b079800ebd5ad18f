// wharf run: create a container from an image, start it, and stay in the foreground (or leave it running).
import { ANY, type Input } from "../../../common/cli/command.ts";
import { CONTAINER_FLAGS, CONTAINER_TOPICS, CREATE_FLAGS } from "../../../common/cli/container/flags.ts";
import { bool, string } from "../../../common/cli/flags.ts";
import { WharfError } from "../../../common/errors.ts";
import { type Cli, command } from "../cli.ts";
import { bodyOf, createContainer, IdFile } from "../container/create.ts";
import {
  BEFOREHAND,
  beginWait,
  codeOfEnding,
  detachKeys,
  forwardSignal,
  requireTerminal,
  resize,
  startFailure,
  waited,
} from "../container/foreground.ts";
import { DAEMON_FAILED, ExitCode, report } from "../errors.ts";
import type { Stream } from "../http/api.ts";
import type { Response } from "../http/connection.ts";
import { attach } from "../stream/attach.ts";
import { Signals } from "../stream/signals.ts";
import { printTrace } from "../trace/print.ts";

const FLAGS = {
  ...CONTAINER_FLAGS,
  ...CREATE_FLAGS,
  detach: bool("Leave it running in the background and print its id", { short: "d" }),
  "detach-keys": string("Keys that detach from it", { type: "KEYS" }),
  "sig-proxy": bool("Pass signals on to it", { initial: true }),
  trace: bool("Afterwards print where the time went, from here down to the kernel"),
} as const;

type RunInput = Input<typeof FLAGS>;

/** Attach and wait are asked for side by side: both must stand before the start, or a short life is missed. */
async function stand(
  cli: Cli,
  id: string,
  input: RunInput,
  query: Record<string, boolean | string>,
): Promise<[Stream, Response]> {
  const condition = input.flags.rm ? "removed" : "next-exit";
  return Promise.all([
    cli.trace.span("attach", () => cli.api.hijack(`/containers/${id}/attach`, { query, doing: "attach to container" })),
    cli.trace.span("wait registered", () => beginWait(cli, id, condition)),
  ]);
}

async function start(cli: Cli, id: string): Promise<void> {
  await cli.trace.span("start", () => cli.api.call("POST", `/containers/${id}/start`, { doing: "start container" }));
}

/** A failed start: says why, waits until --rm has cleaned up, ends with Docker's code. */
async function failStart(cli: Cli, error: unknown, wait: Response | undefined, removes: boolean): Promise<never> {
  report(cli, error, "wharf run");
  if (wait && removes) await wait.text().catch(() => "");
  throw new ExitCode(startFailure(error));
}

async function foreground(cli: Cli, input: RunInput): Promise<number> {
  const { flags } = input;
  const body = bodyOf(cli, input, input.args);
  requireTerminal(cli, body.AttachStdin, body.Tty);
  using idFile = new IdFile(flags.cidfile);
  const size = body.Tty ? cli.terminalSize(1) : undefined;
  if (size) body.HostConfig.ConsoleSize = [size.rows, size.columns];
  const keys = body.Tty && body.AttachStdin ? detachKeys(cli, flags["detach-keys"]) : undefined;
  using signals = new Signals(cli, flags["sig-proxy"]);
  const { Id: id } = await createContainer(cli, body, {
    ...flags,
    spare: 2,
    pulling: (interrupt) => {
      signals.interrupt = interrupt;
    },
  });
  idFile.write(id);
  const { AttachStdin: stdin, AttachStdout: stdout, AttachStderr: stderr } = body;
  const query = { stream: true, stdin, stdout, stderr, ...(keys ? { detachKeys: keys.query } : {}) };
  const [stream, wait] = await stand(cli, id, input, query);
  try {
    await start(cli, id);
  } catch (error) {
    await failStart(cli, error, wait, flags.rm);
  }
  const terminal = body.Tty && cli.isTerminal(1);
  const name = flags.name || id.slice(0, 12);
  signals.aim({
    name,
    forward: flags["sig-proxy"] ? (signal) => forwardSignal(cli, id, signal) : undefined,
    resize: terminal ? () => resize(cli, `/containers/${id}`) : undefined,
  });
  const ending = await cli.trace.span("run", () =>
    attach(stream, { tty: body.Tty, stdin, keys: keys?.keys, raw: keys !== undefined }),
  );
  return codeOfEnding(cli, ending, name) ?? (await cli.trace.span("exit code", () => waited(cli, wait, name)));
}

async function background(cli: Cli, input: RunInput): Promise<number> {
  const { flags } = input;
  if (flags.attach.length > 0) {
    throw new WharfError("InvalidArgument", "--attach does not go with --detach", { operation: BEFOREHAND });
  }
  const body = bodyOf(cli, input, input.args);
  Object.assign(body, { AttachStdin: false, AttachStdout: false, AttachStderr: false, StdinOnce: false });
  using idFile = new IdFile(flags.cidfile);
  const { Id: id } = await createContainer(cli, body, flags);
  idFile.write(id);
  try {
    await start(cli, id);
  } catch (error) {
    await failStart(cli, error, undefined, false);
  }
  cli.out(`${id}\n`);
  return 0;
}

export const run = command({
  name: "run",
  summary: "Create a container from an image and run it",
  description:
    "Creates a container from an image, which is pulled when it is not there, starts it and stays in the foreground: its output is ours, its exit code becomes ours, signals go on to it. With -it a terminal is typed into; ctrl-p ctrl-q detaches and leaves it running. Flags end at the image: what follows belongs to the program inside.",
  usage: "IMAGE [COMMAND] [ARG...]",
  args: { min: 1, max: ANY },
  flags: FLAGS,
  topics: CONTAINER_TOPICS,
  interspersed: false,
  section: "containers",
  completes: "images",
  examples: [
    { what: "One command, nothing left behind", line: "run --rm busybox echo hello" },
    { what: "A shell in a container", line: "run --rm -it busybox sh" },
    { what: "In the background, with a name", line: "run -d --name web busybox httpd -f" },
    { what: "The current folder inside, read-only", line: "run --rm -v .:/src:ro -w /src busybox ls" },
    { what: "At most half a CPU and 64 MB", line: "run --rm --cpus 0.5 --memory 64m busybox sleep 1" },
    { what: "Where does the time go?", line: "run --rm --trace --network none busybox true" },
  ],
  run: async (cli, input) => {
    if (input.flags.trace) cli.trace.record();
    let code: number;
    try {
      code = await (input.flags.detach ? background(cli, input) : foreground(cli, input));
    } catch (error) {
      report(cli, error, "wharf run");
      const early = error instanceof WharfError && error.operation === BEFOREHAND;
      code = error instanceof ExitCode ? error.code : early ? 1 : DAEMON_FAILED;
    }
    if (input.flags.trace) await printTrace(cli, "wharf run");
    return code;
  },
});
