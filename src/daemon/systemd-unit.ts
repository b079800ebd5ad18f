/** `wharfd systemd-unit`: the unit that starts this wharfd with the options that were given. Source: systemd.service(5). */

import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { WharfError } from "../common/errors.ts";
import { BIN } from "./open-core.ts";
import { type Options, parseOptions } from "./options.ts";

/**
 * The daemon alone is ended with the unit: shims and containers, which lie in it or in
 * groups of their own, go on, and the next daemon finds them.
 */
export function systemdUnit(options: Options, program = ownProgram()): string {
  return `[Unit]
Description=Wharf container daemon
After=network-online.target nss-lookup.target firewalld.service time-set.target
Wants=network-online.target
StartLimitBurst=10
StartLimitIntervalSec=60

[Service]
Type=notify
ExecStart=${[program, ...argumentsOf(options)].map(quoted).join(" ")}
TimeoutStartSec=infinity
Restart=always
RestartSec=2
KillMode=process
Delegate=yes
LimitNPROC=infinity
LimitCORE=infinity
TasksMax=infinity
OOMScoreAdjust=-999

[Install]
WantedBy=multi-user.target
`;
}

/** What differs from the defaults, wherever it came from; absolute, for a unit has no folder and no environment of its own. */
export function argumentsOf(options: Options): string[] {
  const usual = parseOptions([], {});
  const { hosts, tls, shimPath, containerd } = options;
  const args: string[] = [];
  const flags = { root: "root", state: "state", config: "config", group: "group", level: "log-level" } as const;
  const more = { containerdNamespace: "containerd-namespace", cgroupParent: "cgroup-parent" } as const;
  for (const [key, flag] of Object.entries({ ...flags, ...more }) as [keyof typeof flags | keyof typeof more, string][])
    if (options[key] !== usual[key] && (key !== "config" || isNeeded(options))) args.push(`--${flag}`, options[key]);
  for (const host of hosts)
    args.push("--host", host.kind === "unix" ? `unix://${host.path}` : `tcp://${inUrl(host.host)}:${host.port}`);
  if (tls) {
    args.push("--tlsverify", "--tlscacert", resolve(tls.ca));
    args.push("--tlscert", resolve(tls.cert), "--tlskey", resolve(tls.key));
  }
  for (const folder of shimPath) args.push("--shim-path", folder);
  if (containerd !== undefined) args.push("--containerd", containerd);
  return args;
}

/** The daemon does not start without a configuration that its command line names; one of the environment is where one may come to be. */
const isNeeded = ({ config, configNamed }: Options) => configNamed || existsSync(config);

const inUrl = (host: string) => (host.includes(":") ? `[${host}]` : host);

function ownProgram(): string {
  const found = BIN.map((folder) => join(folder, "wharfd")).find((path) => existsSync(path));
  if (found) return found;
  throw new WharfError("FailedPrecondition", "wharfd is not built", { hint: "run: npm run build" });
}

/** As a command line of a unit has it: no specifiers, no variables, one word. */
function quoted(word: string): string {
  const plain = word.replaceAll("%", "%%").replaceAll("$", "$$$$");
  return /^[\w@%+=:,./$-]+$/.test(plain) ? plain : `"${plain.replaceAll(/[\\"]/g, "\\$&").replaceAll("\n", "\\n")}"`;
}
