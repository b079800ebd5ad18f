// One action on several containers or images: side by side, results in the order given, every error said.
import { WharfError } from "../../../common/errors.ts";
import type { Cli } from "../cli.ts";
import { formatError } from "../errors.ts";
import { withNameHint } from "../hints.ts";

/** Requests under way at once. */
const PARALLEL = 32;

/** A name as it stands in a path of the API. */
export function pathName(name: string): string {
  const trimmed = name.replace(/^\/+|\/+$/g, "");
  if (trimmed === "") throw new WharfError("InvalidArgument", "a name cannot be empty", { operation: "usage" });
  return encodeURIComponent(trimmed).replaceAll("%2F", "/");
}

export interface EachOptions {
  /** An error that is only said, and does not make the command fail. */
  readonly forgive?: (error: unknown) => boolean;
}

/** Runs `action` for each name and prints what it returns; exit code 1 when one failed. */
export async function each(
  cli: Cli,
  names: readonly string[],
  action: (name: string) => Promise<string>,
  options: EachOptions = {},
): Promise<number> {
  let failed = false;
  const started: Promise<{ text: string } | { error: unknown }>[] = [];
  const begin = (i: number) => {
    const name = names[i];
    if (name === undefined) return;
    started[i] = (async () => action(name))().then(
      (text) => ({ text }),
      (error: unknown) => ({ error }),
    );
  };
  for (let i = 0; i < PARALLEL; i++) begin(i);
  for (let i = 0; i < names.length; i++) {
    const result = await started[i]!;
    begin(i + PARALLEL);
    if ("text" in result) cli.out(result.text);
    else {
      cli.err(formatError(await withNameHint(cli, result.error), cli.globals.debug));
      if (!options.forgive?.(result.error)) failed = true;
    }
  }
  return failed ? 1 : 0;
}
