// wharf export: a container's files as a tar archive.
import { string } from "../../../common/cli/flags.ts";
import { WharfError } from "../../../common/errors.ts";
import { Fd, O, open, rename, S_IFMT, S_IFREG, statIfThere, unlinkIfThere, writeAll } from "../../sys/fs.ts";
import { blockSignals } from "../../sys/loop.ts";
import { getpid, SIGNALS } from "../../sys/process.ts";
import { command } from "../cli.ts";
import { pathName } from "../container/each.ts";
import { READER_GONE } from "../container/foreground.ts";
import type { Response } from "../http/connection.ts";
import { ReaderGone, Sink } from "../stream/sink.ts";

/** Into a file that appears when it is complete; a device or pipe is written as it stands. */
async function toFile(response: Response, path: string): Promise<void> {
  const there = statIfThere(path);
  const plain = there === undefined || (there.mode & S_IFMT) === S_IFREG;
  const target = plain ? `${path}.${getpid()}.tmp` : path;
  try {
    using file = new Fd(open(target, O.WRONLY | (plain ? O.CREAT | O.EXCL : 0), 0o600));
    await response.each((piece) => writeAll(file.value, piece));
    if (plain) rename(target, path);
  } catch (error) {
    if (plain) unlinkIfThere(target);
    throw error;
  }
}

async function toStdout(response: Response): Promise<number> {
  blockSignals([SIGNALS.PIPE]);
  using sink = new Sink(1);
  try {
    await response.each((piece) => sink.write(piece));
  } catch (error) {
    if (error instanceof ReaderGone) return READER_GONE;
    throw error;
  }
  return 0;
}

export const exportCommand = command({
  name: "export",
  summary: "Write a container's files as a tar archive",
  usage: "CONTAINER",
  args: { min: 1, max: 1 },
  section: "containers",
  completes: "containers",
  flags: { output: string("Write to a file instead of stdout", { short: "o", type: "FILE" }) },
  examples: [
    { what: "Unpack them here", line: "export web | tar -xf - -C rootfs" },
    { what: "Into a file", line: "export -o web.tar web" },
  ],
  run: async (cli, { flags, args }) => {
    if (flags.output === "" && cli.isTerminal(1)) {
      throw new WharfError("FailedPrecondition", "an archive is not for a terminal", {
        hint: "use -o FILE or redirect stdout",
      });
    }
    using response = await cli.api.request("GET", `/containers/${pathName(args[0]!)}/export`, {
      doing: "export container",
    });
    if (flags.output === "") return await toStdout(response);
    await toFile(response, flags.output);
    return 0;
  },
});
