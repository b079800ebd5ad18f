// "Did you mean" for names of containers, images, volumes and networks: a look at what there is, for a person who mistyped.
import { suggest } from "../../common/cli/suggest.ts";
import { isCode, WharfError } from "../../common/errors.ts";
import { familiarName, familiarReference, tryParseReference } from "../../common/reference.ts";
import type { Cli } from "./cli.ts";

interface Kind {
  /** What a server says of a name that is not there. */
  readonly missing: RegExp;
  readonly names: (cli: Cli) => Promise<string[]>[];
}

const KINDS: readonly Kind[] = [
  { missing: /no such container: (\S+)/i, names: (cli) => [containerNames(cli)] },
  { missing: /no such object: (\S+)/i, names: (cli) => [containerNames(cli), imageNames(cli)] },
  { missing: /no such image: (\S+?)(?::latest)?$/i, names: (cli) => [imageNames(cli)] },
  { missing: /get (\S+): no such volume/i, names: (cli) => [volumeNames(cli)] },
  { missing: /network (\S+) not found/i, names: (cli) => [networkNames(cli)] },
];

async function containerNames(cli: Cli): Promise<string[]> {
  const list = await cli.api.json<{ Names?: string[] | null }[]>("GET", "/containers/json", { query: { all: true } });
  return list.flatMap(({ Names }) => (Names ?? []).map((name) => name.replace(/^\//, "")));
}

/** Names of the images here, with their tag and, for `latest`, without. */
export async function imageNames(cli: Cli): Promise<string[]> {
  const all = await cli.api.json<{ RepoTags?: string[] | null }[]>("GET", "/images/json");
  return all.flatMap(({ RepoTags }) =>
    (RepoTags ?? []).flatMap((text) => {
      const reference = tryParseReference(text);
      if (!reference) return [];
      return reference.tag === "latest"
        ? [familiarName(reference), familiarReference(reference)]
        : [familiarReference(reference)];
    }),
  );
}

export async function volumeNames(cli: Cli): Promise<string[]> {
  const { Volumes } = await cli.api.json<{ Volumes?: { Name: string }[] | null }>("GET", "/volumes");
  return (Volumes ?? []).map(({ Name }) => Name);
}

export async function networkNames(cli: Cli): Promise<string[]> {
  return (await cli.api.json<{ Name: string }[]>("GET", "/networks")).map(({ Name }) => Name);
}

async function nearest(word: string, names: Promise<string[]>[]): Promise<string | undefined> {
  const known = (await Promise.all(names)).flat();
  return suggest(word, known)[0];
}

/** The same error, with what was probably meant when a person reads it and it is about a name that is not there. */
export async function withNameHint(cli: Cli, error: unknown): Promise<unknown> {
  if (!isCode(error, "NotFound", "InvalidArgument") || !(error instanceof WharfError) || !cli.isTerminal(2))
    return error;
  for (const { missing, names } of KINDS) {
    const word = missing.exec(error.message)?.[1];
    if (word === undefined) continue;
    try {
      const near = await nearest(word, names(cli));
      return near === undefined ? error : withHint(error, `did you mean ${near}?`);
    } catch {
      return error;
    }
  }
  return error;
}

/** The error of a pull, with an image of a similar name that is here. */
export async function withImageHint(cli: Cli, error: unknown, image: string): Promise<unknown> {
  if (!(error instanceof WharfError) || !cli.isTerminal(2)) return error;
  try {
    const near = await nearest(image, [imageNames(cli)]);
    return near === undefined ? error : withHint(error, `did you mean ${near}? that image is here`);
  } catch {
    return error;
  }
}

function withHint({ code, message, operation, subject, errno, cause }: WharfError, hint: string): WharfError {
  return new WharfError(code, message, { operation, subject, errno, hint, ...(cause === undefined ? {} : { cause }) });
}
