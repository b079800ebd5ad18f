// The names that a completion offers: containers, images, volumes, networks from the daemon, contexts and registries from docker's files.
import type { Candidate, Completion } from "../../../common/cli/complete.ts";
import type { Completes } from "../../../common/cli/flags.ts";
import { SIGNALS } from "../../../common/signals.ts";
import { CAPABILITIES } from "../../sys/capabilities.ts";
import { loop } from "../../sys/loop.ts";
import type { Cli } from "../cli.ts";
import { DEFAULT_CONTEXT } from "../context/store.ts";
import { imageNames, networkNames, volumeNames } from "../hints.ts";

/** Lines that no word can be: the shell shall offer files, and shall set no space after the word. */
export const FILES = ":files\n";
export const NO_SPACE = ":nospace\n";

/** Seconds: a shell that waits is worse than one that does not complete. WHARF_COMPLETION_TIMEOUT changes it. */
const PATIENCE_S = 1;

export interface Known {
  readonly candidates: readonly Candidate[];
  /** Files fit, too. */
  readonly files: boolean;
}

/** All that fits; without the daemon's names when it does not answer in time. */
export async function known(cli: Cli, { words, names, prefix = "", but = [] }: Completion): Promise<Known> {
  if (names === undefined) return { candidates: words, files: false };
  cli.leaveDaemonAlone();
  const none = loop()
    .sleep((Number(cli.env.get("WHARF_COMPLETION_TIMEOUT")) || PATIENCE_S) * 1000)
    .then((): Candidate[] => []);
  const list = await Promise.race([none, named(cli, names).catch((): Candidate[] => [])]);
  const left = list.filter(({ word }) => !but.includes(word));
  return {
    candidates: [...words, ...left.map(({ word, what }) => ({ word: prefix + word, what }))],
    files: names === "files" || names === "containerPaths",
  };
}

function plain(words: readonly string[], what = ""): Candidate[] {
  return words.map((word) => ({ word, what }));
}

interface Listed {
  readonly Names?: readonly string[] | null;
  readonly Image: string;
  readonly Status: string;
}

async function containers(cli: Cli, query: Record<string, string | boolean>): Promise<Candidate[]> {
  const list = await cli.api.json<Listed[]>("GET", "/containers/json", { query });
  return list.flatMap(({ Names, Image, Status }) =>
    (Names ?? []).map((name) => ({ word: name.replace(/^\//, ""), what: `${Image}, ${Status}` })),
  );
}

async function named(cli: Cli, kind: Completes): Promise<Candidate[]> {
  switch (kind) {
    case "containers":
      return await containers(cli, { all: true });
    case "running":
      return await containers(cli, {});
    case "stopped":
      return await containers(cli, { all: true, filters: JSON.stringify({ status: ["created", "exited", "dead"] }) });
    case "containerPaths":
      return (await containers(cli, { all: true })).map(({ word, what }) => ({ word: `${word}:`, what }));
    case "objects":
      return [...(await containers(cli, { all: true })), ...plain(await imageNames(cli), "image")];
    case "images":
      return plain(await imageNames(cli));
    case "volumes":
      return plain(await volumeNames(cli));
    case "networks":
      return plain(await networkNames(cli));
    case "contexts":
      return plain([...cli.contexts.list().map(({ Name }) => Name), DEFAULT_CONTEXT]);
    case "registries":
      return plain(Object.keys(cli.config.auths ?? {}));
    case "signals":
      return plain(Object.keys(SIGNALS));
    case "capabilities":
      return plain(["ALL", ...CAPABILITIES.map((name) => name.replace(/^CAP_/, ""))]);
    case "files":
      return [];
  }
}
