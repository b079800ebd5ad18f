// wharf exec: one more command in a running container.
import { ANY } from "../../../common/cli/command.ts";
import { readEnv } from "../../../common/cli/container/env.ts";
import { envEntry } from "../../../common/cli/container/values.ts";
import { bool, list, string } from "../../../common/cli/flags.ts";
import { readText } from "../../sys/fs.ts";
import { command } from "../cli.ts";
import { pathName } from "../container/each.ts";
import { codeOfEnding, detachKeys, requireTerminal, resize, startFailure } from "../container/foreground.ts";
import { ExitCode, report } from "../errors.ts";
import { attach } from "../stream/attach.ts";
import { Signals } from "../stream/signals.ts";

export const exec = command({
  name: "exec",
  summary: "Run a command in a running container",
  description: "Flags end at the container's name: what follows is the command. Its exit code becomes ours.",
  usage: "CONTAINER COMMAND [ARG...]",
  args: { min: 2, max: ANY },
  interspersed: false,
  section: "containers",
  completes: "running",
  flags: {
    detach: bool("Leave it running in the background", { short: "d" }),
    "detach-keys": string("Keys that detach from it", { type: "KEYS" }),
    env: list("Set an environment variable; a name alone passes ours on", {
      short: "e",
      type: "NAME[=VALUE]",
      check: envEntry,
    }),
    "env-file": list("Read environment variables from a file", { type: "FILE" }),
    interactive: bool("Keep stdin open", { short: "i" }),
    privileged: bool("All capabilities"),
    tty: bool("Give it a terminal", { short: "t" }),
    user: string("User and group, by name or number", { short: "u", type: "USER[:GROUP]" }),
    workdir: string("Working directory inside", { short: "w", type: "DIR" }),
  },
  examples: [
    { what: "A shell beside what runs there", line: "exec -it web sh" },
    { what: "Look around", line: "exec web ps" },
    { what: "Feed it a file", line: "exec -i db psql < dump.sql" },
  ],
  run: async (cli, { flags, args }) => {
    const [name, ...line] = args;
    const attaches = !flags.detach;
    const stdin = attaches && flags.interactive;
    if (attaches) requireTerminal(cli, stdin, flags.tty);
    const size = flags.tty ? cli.terminalSize(1) : undefined;
    const keys = stdin && flags.tty ? detachKeys(cli, flags["detach-keys"]) : undefined;
    const console = size ? { ConsoleSize: [size.rows, size.columns] } : {};
    const { Id: id } = await cli.api.json<{ Id: string }>("POST", `/containers/${pathName(name!)}/exec`, {
      json: {
        User: flags.user,
        Privileged: flags.privileged,
        Tty: flags.tty,
        ...console,
        AttachStdin: stdin,
        AttachStdout: attaches,
        AttachStderr: attaches,
        ...(keys ? { DetachKeys: keys.query } : {}),
        Env: readEnv(flags["env-file"], flags.env, { env: cli.env, readText }),
        WorkingDir: flags.workdir,
        Cmd: line,
      },
      doing: "create exec",
    });
    const start = { Detach: flags.detach, Tty: flags.tty, ...console };
    try {
      if (flags.detach) {
        await cli.api.call("POST", `/exec/${id}/start`, { json: start, doing: "start exec" });
        return 0;
      }
      using signals = new Signals(cli, false);
      const stream = await cli.api.hijack(`/exec/${id}/start`, { json: start, doing: "start exec" });
      signals.aim({
        name: name!,
        resize: flags.tty && cli.isTerminal(1) ? () => resize(cli, `/exec/${id}`) : undefined,
      });
      const ending = await attach(stream, { tty: flags.tty, stdin, keys: keys?.keys, raw: keys !== undefined });
      const early = codeOfEnding(cli, ending, name!);
      if (early !== undefined) return early;
    } catch (error) {
      report(cli, error, "wharf exec");
      throw new ExitCode(startFailure(error));
    }
    const { ExitCode: code } = await cli.api.json<{ ExitCode: number | null }>("GET", `/exec/${id}/json`, {
      doing: "inspect exec",
    });
    return code ?? 0;
  },
});
