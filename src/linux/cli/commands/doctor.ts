// wharf doctor: is this host fit for containers, and what to do where it is not.
import { string } from "../../../common/cli/flags.ts";
import { wrap } from "../../../common/cli/width.ts";
import { describe } from "../../../common/errors.ts";
import { readText } from "../../sys/fs.ts";
import { type Cli, command } from "../cli.ts";
import { rootOf, socketOf, stateOf } from "../daemon/places.ts";
import { CHECKS, type Finding } from "../doctor/checks.ts";
import { Api } from "../http/api.ts";
import { nobodyListens } from "../http/endpoint.ts";

const SIGNS = { good: ["✓", 32], poor: ["!", 33], bad: ["✗", 31] } as const;
const NAME_COLUMNS = 14;

/** The daemon, and without one what it left mounted. */
async function daemonFindings(cli: Cli, state: string): Promise<Finding[]> {
  const name = "daemon";
  try {
    using api = new Api({ endpoint: { kind: "unix", path: socketOf(cli.env, state) } });
    const { Version } = await api.json<{ Version: string }>("GET", "/version");
    return [{ name, state: "good", detail: `answers, version ${Version}` }];
  } catch (error) {
    if (!nobodyListens(error))
      return [{ name, state: "bad", detail: describe(error), mend: "look at 'wharf daemon logs'" }];
  }
  const findings: Finding[] = [
    { name, state: "poor", detail: "does not run", mend: "every command starts it; so does 'wharf daemon start'" },
  ];
  const left = readText("/proc/self/mountinfo")
    .split("\n")
    .filter((line) => line.split(" ")[4]?.startsWith(`${state}/`));
  if (left.length > 0) {
    const detail = `${left.length} below ${state}`;
    findings.push({
      name: "mounts",
      state: "poor",
      detail,
      mend: "of containers that go on, or left over: the daemon clears those up",
    });
  }
  return findings;
}

export const doctor = command({
  name: "doctor",
  summary: "Check whether this host is fit for containers",
  description:
    "Looks at the kernel, its cgroups and file systems, our own programs and the daemon, and says how to mend what is amiss. Exit code 1 when containers cannot run.",
  usage: "",
  args: { min: 0, max: 0 },
  section: "system",
  flags: {
    root: string("Folder of the data (also WHARF_ROOT)", { type: "DIR" }),
    state: string("Folder of sockets and state (also WHARF_STATE)", { type: "DIR" }),
  },
  examples: [{ what: "Something does not work", line: "doctor" }],
  run: async (cli, { flags }) => {
    const host = { root: rootOf(cli.env, flags.root), state: stateOf(cli.env, flags.state) };
    const findings = [...CHECKS.flatMap((check) => check(host)), ...(await daemonFindings(cli, host.state))];
    const colour = cli.colour(1);
    const width = Math.max((cli.terminalSize(1)?.columns ?? 100) - NAME_COLUMNS - 4, 30);
    for (const { name, state, detail, mend } of findings) {
      const [sign, code] = SIGNS[state];
      const shown = colour ? `\x1b[${code}m${sign}\x1b[0m` : sign;
      const lines = wrap(detail, width);
      if (mend) lines.push(...wrap(mend, width - 2).map((line, i) => (i === 0 ? `→ ${line}` : `  ${line}`)));
      const indent = " ".repeat(NAME_COLUMNS + 2);
      cli.out(`${shown} ${name.padEnd(NAME_COLUMNS)}${lines.join(`\n${indent}`)}\n`);
    }
    return findings.some(({ state }) => state === "bad") ? 1 : 0;
  },
});
