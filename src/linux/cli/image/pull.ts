// Pulling an image: the request, and its progress on the terminal or as lines.
import { WharfError } from "../../../common/errors.ts";
import { parseReference, referenceObject, repositoryName } from "../../../common/reference.ts";
import type { Cli } from "../cli.ts";
import { registryAuth } from "./auth.ts";
import { type ProgressMessage, ProgressView } from "./progress.ts";

export interface PullOptions {
  readonly platform: string;
  /** Nothing but errors. */
  readonly quiet: boolean;
  /** Progress is talk: part of another command whose stdout is data. */
  readonly toStderr?: boolean;
  readonly allTags?: boolean;
}

/** Pulls `name`; resolves when the image is in the store. */
export async function pullImage(cli: Cli, name: string, options: PullOptions): Promise<void> {
  const reference = parseReference(name);
  const auth = registryAuth(cli, reference.domain);
  using response = await cli.api.request("POST", "/images/create", {
    query: {
      fromImage: repositoryName(reference),
      tag: options.allTags ? undefined : referenceObject(reference),
      platform: options.platform || undefined,
    },
    headers: auth === undefined ? {} : { "X-Registry-Auth": auth },
    doing: "pull image",
  });
  const fd = options.toStderr ? 2 : 1;
  using view = new ProgressView((text) => (fd === 1 ? cli.out(text) : cli.err(text)), {
    size: options.quiet ? undefined : cli.terminalSize(fd),
    colour: cli.colour(fd),
    quiet: options.quiet,
  });
  let failure: WharfError | undefined;
  await response.lines((line) => {
    const message = JSON.parse(line) as ProgressMessage;
    const text = message.errorDetail?.message ?? message.error;
    if (text === undefined) view.show(message);
    else
      failure = new WharfError("Unknown", text, {
        operation: "pull image",
        subject: name,
        hint: message.errorDetail?.hint,
      });
  });
  if (failure) throw failure;
}
