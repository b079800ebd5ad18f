// The part of docs/docker-coverage.md on the Engine API: each operation and parameter.
import { apiOperations } from "./lib/docker-api.ts";
import { dockerApiLedger } from "./lib/docker-api-ledger.ts";
import { evidenceText } from "./lib/evidence.ts";

const INTRODUCTION = `## The Engine API

Each operation of Docker's Engine API 1.51 for containers, images, volumes, execs, the system and networks, with all that may be given to it:
{path} and ?query parameters, #headers, and .fields of the body. Operations of swarms and plugins answer 501 with their name. What is
served is declared once, in \`src/common/docker\` and \`src/daemon/docker/operations\`; the OpenAPI document that \`GET /wharf/openapi.json\` answers is made of it.
`;

/** Whom evidence is shared by, in one line. */
export function apiPart(): string {
  const ledger = dockerApiLedger();
  const lines = [INTRODUCTION];
  for (const { id, method, path, parts } of apiOperations()) {
    lines.push(`### ${id}\n\n\`${method} ${path}\`\n`, "| | shown by |\n|---|---|");
    const groups = Map.groupBy(["", ...parts], (part) => evidenceText(ledger[`${id}${part}`]));
    for (const [text, names] of groups) {
      const shown = names.map((name) => (name === "" ? "the operation" : `\`${name}\``)).join(" ");
      lines.push(`| ${shown} | ${text.replaceAll("|", "\\|")} |`);
    }
  }
  return `${lines.join("\n").replaceAll("\n### ", "\n\n### ")}\n`;
}
