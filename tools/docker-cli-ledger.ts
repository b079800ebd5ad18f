// The part of docs/docker-coverage.md on the command line: each command and flag of the docker CLI 28.
import { DOCKER_CLI } from "./lib/docker-cli.ts";
import { dockerCliLedger, rows } from "./lib/docker-cli-ledger.ts";
import { evidenceText } from "./lib/evidence.ts";

const INTRODUCTION = `## The command line

Each command and flag of the docker CLI 28 for containers, images, volumes, networks, contexts and the system, from its own help. Most
are shown by a line of \`test/interop/cli/requests.ts\`, which docker and ours carry out on the same engine: the same requests, the same
output, the same exit code. The flags of \`run\` that \`create\` has too stand there.
`;

export function cliPart(): string {
  const ledger = dockerCliLedger();
  const lines = [INTRODUCTION];
  let last = "";
  for (const row of rows()) {
    const [name, flag] = row.split(/ (?=--)/) as [string, string?];
    if (name !== last) {
      const also = DOCKER_CLI[name]?.also ?? [];
      lines.push(`### ${name}\n`);
      if (also.length > 0) lines.push(`Also ${also.map((one) => `\`${one}\``).join(", ")}.\n`);
      lines.push("| | shown by |\n|---|---|");
    }
    last = name;
    const text = evidenceText(ledger[row]).replaceAll("|", "\\|");
    lines.push(`| ${flag === undefined ? "the command" : `\`${flag}\``} | ${text} |${""}`);
  }
  return `${lines.join("\n").replaceAll("\n### ", "\n\n### ")}\n`;
}
