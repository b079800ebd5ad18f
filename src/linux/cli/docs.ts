// The pages of docs/cli/ as JSON on stdout, made of the declarations the program itself uses. tools/cli-docs.ts writes them.
import { isGroup } from "../../common/cli/command.ts";
import { commandPage } from "../../common/cli/markdown.ts";
import { stdout } from "../sys/out.ts";
import { PROGRAM, type WharfNode } from "./cli.ts";
import { ROOT, SECTIONS } from "./commands/index.ts";

/** Words under which commands are found a second time. */
const SYNONYMS = new Set(["container", "image", "system"]);

const INTRODUCTION = `# The command line

\`wharf\` talks to a daemon through the Docker Engine API: to wharfd, which it starts when it does not run, or to any other
engine. It takes Docker's commands and flags.

| variable | what |
|---|---|
| \`DOCKER_HOST\` | the daemon to talk to, \`unix:///path\`, \`tcp://host:port\` or \`ssh://user@host\`; \`-H\` wins over it |
| \`DOCKER_CONTEXT\` | the context to use; \`--context\` wins over it. Contexts are docker's own, see \`wharf context\` |
| \`DOCKER_TLS_VERIFY\`, \`DOCKER_CERT_PATH\` | TLS over tcp, and the folder of \`ca.pem\`, \`cert.pem\` and \`key.pem\`; also \`--tlsverify\` and its like |
| \`DOCKER_API_VERSION\` | speaks this version instead of negotiating |
| \`DOCKER_CONFIG\` | folder of docker's \`config.json\` and contexts: credentials, \`currentContext\`, \`detachKeys\`, \`psFormat\`, \`imagesFormat\` |
| \`WHARF_STATE\`, \`WHARF_ROOT\`, \`WHARF_CONFIG\` | the places of our own daemon: sockets and state, data, configuration |
| \`WHARF_AUTOSTART=0\` | does not start the daemon |
| \`WHARF_START_TIMEOUT\` | seconds to wait for the daemon to answer, 30 without it |
| \`WHARF_COMPLETION_TIMEOUT\` | seconds that a completion waits for the daemon's names, 1 without it |
| \`WHARFD\` | the daemon's program, else the one beside \`wharf\` |
| \`NO_COLOR\` | no colours |
| \`TRACEPARENT\` | the W3C trace context that the call belongs to |

Data goes to stdout, talk to stderr. Tables fit the window when stdout is a terminal: columns move closer, long cells are cut with …, and in a narrow window columns are left out (\`ps\`: ports, command, age, image). A pipe gets everything. An error says the cause first and, where there is
one, a hint; \`--debug\` shows requests and the whole chain.

| exit code | what |
|---|---|
| 0 | all went well |
| 1 | the command failed, for one of several names at least |
| 3 | \`daemon status\`: the daemon does not run |
| 125 | flags that cannot be read, or \`run\` failed before the container's own program ran |
| 126, 127 | \`run\`, \`exec\`, \`start -a\`: the program cannot be executed, is not there |
| 141 | the reader of our output has gone away |
| other | \`run\`, \`exec\`, \`start -a\`, \`attach\`: the container's own code; 128 + N when signal N ended it |

\`--format\` takes \`table\`, \`json\` and Go templates (\`{{.Names}}\`, \`table {{.ID}}\\t{{.Status}}\`) with docker's functions: \`json\`, \`lower\`,
\`upper\`, \`title\`, \`join\`, \`split\`, \`truncate\`, \`pad\`, and all of Go's own.
`;

/** File name and text of every page. */
function pages(): Map<string, string> {
  const all = new Map<string, string>();
  let index = INTRODUCTION;
  const visit = (node: WharfNode, path: string, rows: string[]) => {
    if (node.hidden) return;
    if (isGroup(node)) {
      for (const [name, child] of node.commands) visit(child, `${path} ${name}`, rows);
      return;
    }
    const file = `${path.slice(PROGRAM.length + 1).replaceAll(" ", "-")}.md`;
    all.set(file, commandPage(node, path, PROGRAM));
    rows.push(`| [\`${path}\`](${file}) | ${node.summary} |\n`);
  };
  for (const section of SECTIONS) {
    const rows: string[] = [];
    for (const [name, node] of ROOT) {
      if (node.section === section.name && !SYNONYMS.has(name)) visit(node, `${PROGRAM} ${name}`, rows);
    }
    index += `\n## ${section.title}\n\n| command | what |\n|---|---|\n${rows.sort().join("")}`;
  }
  const words = [...SYNONYMS].map((word) => `\`${PROGRAM} ${word}\``).join(", ");
  index += `\nThe same commands are found under ${words} as Docker has them.\n`;
  return all.set("README.md", index);
}

export function main(): number {
  stdout(JSON.stringify([...pages()]));
  return 0;
}
