// What shows that each command and flag of the docker CLI works in ours: a line of the comparison with docker, a test, or the reason of
// a refusal.
import { REQUESTS } from "../../test/interop/cli/requests.ts";
import { DOCKER_CLI, type DockerCommand } from "./docker-cli.ts";
import type { Evidence, Ledger } from "./evidence.ts";

const COMPARED = "test/interop/cli/requests.ts";
const ENGINE = "test/interop/cli/engine.ts";
const HOSTS = "test/interop/cli/hosts.test.ts";
const CLIENT = "test/interop/cli/client.test.ts";

const CONTEXTS: Evidence = [HOSTS, "contexts: create, use, ls, show, inspect, update, export, import, rm"];
const SHARED: Evidence = [HOSTS, "contexts: docker sees ours, and we see docker's"];
const SWARM: Evidence = { reason: "cluster volumes belong to swarm, which Wharf does not have" };
const WINDOWS: Evidence = { reason: "only a daemon on Windows knows it" };
const CHECKPOINTS: Evidence = { reason: "checkpoints are an experiment of docker's" };
/** What no line of the comparison shows. */
const MORE: Ledger = {
  "docker --config": [HOSTS, "--config names another folder of docker's"],
  "docker --context": CONTEXTS,
  "docker --debug": [CLIENT, "--debug shows requests and the whole chain of an error"],
  "docker --host": [CLIENT, "--host is checked"],
  "docker --log-level": [CLIENT, "--debug shows requests and the whole chain of an error"],
  "docker --tls": [
    HOSTS,
    "tcp with TLS: a server that nobody vouches for, another name, a missing file, no certificate of ours",
  ],
  "docker --tlscacert": [HOSTS, "tcp with TLS: both sides' certificates, by flags"],
  "docker --tlscert": [HOSTS, "tcp with TLS: both sides' certificates, by flags"],
  "docker --tlskey": [HOSTS, "tcp with TLS: both sides' certificates, by flags"],
  "docker --tlsverify": [HOSTS, "tcp with TLS: both sides' certificates, by flags"],
  "docker --version": [CLIENT, "--version says who we are, without a daemon"],
  "context create": CONTEXTS,
  "context create --description": CONTEXTS,
  "context create --docker": CONTEXTS,
  "context create --from": [HOSTS, "contexts: a copy of another"],
  "context export": CONTEXTS,
  "context import": CONTEXTS,
  "context inspect": SHARED,
  "context inspect --format": CONTEXTS,
  "context ls": CONTEXTS,
  "context ls --format": CONTEXTS,
  "context ls --quiet": CONTEXTS,
  "context rm": CONTEXTS,
  "context rm --force": CONTEXTS,
  "context show": CONTEXTS,
  "context update": CONTEXTS,
  "context update --description": CONTEXTS,
  "context update --docker": [HOSTS, "contexts: a copy of another"],
  "context use": CONTEXTS,
  "exec --tty": [ENGINE, "exec -it has a terminal"],
  "images --tree": [
    "test/interop/docker/platforms.test.ts",
    "images --tree shows each image with its platforms, as docker's does",
  ],
  "create --use-api-socket": { reason: "it is an experiment of docker's" },
  "create --cpu-count": WINDOWS,
  "create --cpu-percent": WINDOWS,
  "create --io-maxbandwidth": WINDOWS,
  "create --io-maxiops": WINDOWS,
  "start --checkpoint": CHECKPOINTS,
  "start --checkpoint-dir": CHECKPOINTS,
  "volume ls --cluster": SWARM,
  "volume update": SWARM,
  "volume update --availability": SWARM,
  ...Object.fromEntries(
    [
      ...["availability", "group", "limit-bytes", "required-bytes", "scope", "secret", "sharing"],
      ...["topology-preferred", "topology-required", "type"],
    ].map((flag) => [`volume create --${flag}`, SWARM]),
  ),
};

/** Those before the command. */
export const GLOBAL_FLAGS =
  "--config= -c --context= -D --debug -H --host= -l --log-level= --tls --tlscacert= --tlscert= --tlskey= --tlsverify -v --version";

export interface FlagName {
  readonly long: string;
  readonly short: string | undefined;
  readonly takesValue: boolean;
}

/** `-f --force --name=` as its parts. */
export function flagNames(text: string): FlagName[] {
  const names: FlagName[] = [];
  let short: string | undefined;
  for (const word of text.split(" ").filter(Boolean)) {
    if (!word.startsWith("--")) short = word.slice(1);
    else {
      names.push({ long: word.slice(2).replace(/=$/, ""), short, takesValue: word.endsWith("=") });
      short = undefined;
    }
  }
  return names;
}

/** Flags of run that are create's are shown by create's lines: one parser reads both. */
function flagsOfRow(name: string, command: DockerCommand): string[] {
  const all = flagNames(command.flags).map(({ long }) => long);
  if (name !== "run") return all;
  const create = new Set(flagNames(DOCKER_CLI.create!.flags).map(({ long }) => long));
  return all.filter((flag) => !create.has(flag));
}

/** A row for each command, and for each of its flags. */
export function rows(): string[] {
  const list = flagNames(GLOBAL_FLAGS).map(({ long }) => `docker --${long}`);
  for (const [name, command] of Object.entries(DOCKER_CLI)) {
    list.push(name, ...flagsOfRow(name, command).map((flag) => `${name} --${flag}`));
  }
  return list;
}

/** The line's words from the command on. */
function words(line: string): string {
  return line.replace(/^.*\$CLI /, "");
}

function shownBy(row: string): Evidence | undefined {
  const [name, flag] = row.split(/ (?=--)/) as [string, string?];
  const names = [name, ...(DOCKER_CLI[name]?.also ?? [])];
  const line = REQUESTS.find((one) => {
    const text = `${words(one)} `;
    return names.some((own) => text.startsWith(`${own} `)) && (!flag || new RegExp(` ${flag}[ =]`).test(text));
  });
  return line === undefined ? undefined : [COMPARED, line];
}

export function dockerCliLedger(): Ledger {
  const ledger: Record<string, Evidence> = {};
  for (const row of rows()) {
    const evidence = MORE[row] ?? shownBy(row);
    if (evidence) ledger[row] = evidence;
  }
  // What has evidence and no row is a mistake too.
  return { ...ledger, ...MORE };
}
