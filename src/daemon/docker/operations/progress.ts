/** Answers that tell their progress as JSON lines. */

import type { ProgressLine } from "../../../common/docker/image.ts";
import { messageOf } from "../../http/errors.ts";
import type { BodyWriter, Exchange } from "../../http/exchange.ts";

/** Errors before the first line are answered with a status, unless they are to be `inStream`; later ones are a line of the stream. */
export async function tellProgress(
  x: Exchange<unknown, unknown>,
  work: (tell: (line: ProgressLine | { stream: string }) => void) => Promise<void>,
  { inStream = false } = {},
): Promise<void> {
  let out: BodyWriter | undefined;
  let sent: Promise<void> = Promise.resolve();
  const tell = (line: ProgressLine | { stream: string }) => {
    out ??= x.stream(200, "application/json");
    const to = out;
    sent = sent.then(() => to.line(line)).catch(() => {});
  };
  try {
    await work(tell);
  } catch (error) {
    if (!out && !inStream) throw error;
    const message = messageOf(error);
    tell({ errorDetail: { message }, error: message });
  }
  await sent;
  if (out) out.end();
  else x.stream(200, "application/json").end();
}
