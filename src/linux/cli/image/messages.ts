// Answers that are a stream of messages: drawn as they come, the error among them thrown at the end.
import { WharfError } from "../../../common/errors.ts";
import type { Cli } from "../cli.ts";
import type { Response } from "../http/connection.ts";
import { type ProgressMessage, ProgressView } from "./progress.ts";

/** Shows the messages on stdout; `each` sees them first and may take one for itself by answering true. */
export async function showMessages(
  cli: Cli,
  response: Response,
  options: { quiet: boolean; doing: string; subject?: string },
  each: (message: ProgressMessage & { aux?: unknown }) => boolean = () => false,
): Promise<void> {
  const { quiet, doing, subject } = options;
  using view = new ProgressView((text) => cli.out(text), {
    size: quiet ? undefined : cli.terminalSize(1),
    colour: cli.colour(1),
    quiet,
  });
  let failure: WharfError | undefined;
  await response.lines((line) => {
    const message = JSON.parse(line) as ProgressMessage;
    const text = message.errorDetail?.message ?? message.error;
    if (text !== undefined) {
      failure = new WharfError("Unknown", text, { operation: doing, subject, hint: message.errorDetail?.hint });
    } else if (!each(message)) view.show(message);
  });
  if (failure) throw failure;
}
