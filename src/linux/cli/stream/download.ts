// An answer's body to where the user wants it: a file that appears when it is whole, or stdout.
import { WharfError } from "../../../common/errors.ts";
import { Fd, O, open, rename, S_IFMT, S_IFREG, statIfThere, unlinkIfThere, writeAll } from "../../sys/fs.ts";
import { blockSignals } from "../../sys/loop.ts";
import { getpid, SIGNALS } from "../../sys/process.ts";
import type { Cli } from "../cli.ts";
import { READER_GONE } from "../container/foreground.ts";
import type { Response } from "../http/connection.ts";
import { ReaderGone, Sink } from "./sink.ts";

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

/** Refused before anything is asked for: an archive would only confuse a terminal. */
export function checkArchiveOutput(cli: Cli, output: string, hint = "use -o FILE or redirect stdout"): void {
  if (output !== "" || !cli.isTerminal(1)) return;
  throw new WharfError("FailedPrecondition", "an archive is not for a terminal", {
    hint,
  });
}

/** The exit code. */
export async function download(response: Response, output: string): Promise<number> {
  if (output === "") return await toStdout(response);
  await toFile(response, output);
  return 0;
}
