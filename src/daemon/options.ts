/** wharfd's command line. */

import { isAbsolute, resolve } from "node:path";
import { parseArgs } from "node:util";
import { WharfError } from "../common/errors.ts";
import { checkIdentifier } from "./containerd/core/labels.ts";
import { type ListenAddress, parseListenAddress, type TlsFiles } from "./listen-address.ts";
import { LEVELS, type Level } from "./log.ts";

type Command = "serve" | "help" | "version" | "import-busybox" | "config default" | "config check" | "systemd-unit";

export interface Options {
  command: Command;
  root: string;
  state: string;
  config: string;
  /** The configuration was named on the command line, so that it has to be there. */
  configNamed: boolean;
  /** What is listened on beside `<state>/docker.sock`. */
  hosts: ListenAddress[];
  /** For addresses of tcp. */
  tls: TlsFiles | undefined;
  /** The group that may use the Docker API's sockets. */
  group: string;
  level: Level;
  /** Directories in which shims are looked for before PATH. */
  shimPath: string[];
  /** Socket of the containerd that is used; the daemon's own by default. */
  containerd: string | undefined;
  /** The namespace there of images and containers of the Docker API. */
  containerdNamespace: string;
  /** Cgroup under which the containers' own lie. Absolute within the hierarchies. */
  cgroupParent: string;
}

export const USAGE = `usage: wharfd [OPTIONS]
       wharfd import-busybox [OPTIONS]
       wharfd config default | check [OPTIONS]
       wharfd systemd-unit [OPTIONS]

The daemon: it serves the Docker Engine API on <state>/docker.sock.

  --root DIR           data: images, containers, logs (default /var/lib/wharf, WHARF_ROOT)
  --state DIR          sockets and bundles, lost with a reboot (default /run/wharf, WHARF_STATE)
  --config FILE        configuration (default /etc/wharf/config.toml, WHARF_CONFIG)
  -H, --host URL       listens here, too: unix:///path, tcp://address:port with TLS; may be repeated
  --group NAME         may use the sockets of the Docker API, a name or number (default docker, where there is one)
  --tlsverify          on tcp, only clients with a certificate of the authority are served; the files are in PEM:
  --tlscacert FILE     the authority of the clients' certificates
  --tlscert FILE       the daemon's certificate
  --tlskey FILE        its key
  --shim-path DIR      looks for shims here first; may be repeated
  --containerd SOCKET  uses the containerd that listens there in place of the own one
  --containerd-namespace NAME
                       keeps what the Docker API makes in this namespace (default moby, as dockerd does)
  --cgroup-parent DIR  has the containers' cgroups below this one (default /docker)
  -l, --log-level L    debug, info, warn or error (default info)
  -v, --version        prints the version
  -h, --help           prints this

import-busybox makes busybox:latest of the host's static busybox anew, in place of serving.
config default prints a configuration with every setting, config check looks whether a file is right.
systemd-unit prints the unit wharfd.service, which starts this program with these options.
`;

const COMMANDS = ["serve", "import-busybox", "config default", "config check", "systemd-unit"];

/** A socket's path may have 107 bytes, and the longest name of one here is containerd.sock.ttrpc. */
const STATE_BYTES = 107 - "/containerd.sock.ttrpc".length;

/** InvalidArgument for what is not understood. */
export function parseOptions(args: readonly string[], env: NodeJS.ProcessEnv): Options {
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse(args);
  } catch (cause) {
    throw invalid(cause instanceof Error ? (cause.message.split(". ")[0] ?? cause.message) : String(cause));
  }
  const { values, positionals } = parsed;
  const command = positionals.join(" ") || "serve";
  if (!COMMANDS.includes(command)) throw invalid(`unknown argument ${JSON.stringify(positionals.at(-1))}`);
  const level = values["log-level"] ?? "info";
  if (!LEVELS.includes(level as Level))
    throw invalid(`the log level ${JSON.stringify(level)} is none of ${LEVELS.join(", ")}`);
  const path = (given: string | undefined, variable: string, fallback: string) => {
    const chosen = given ?? env[variable] ?? fallback;
    if (chosen === "") throw invalid("a directory is empty");
    return isAbsolute(chosen) ? resolve(chosen) : resolve(process.cwd(), chosen);
  };
  const tls = tlsFiles(values);
  const state = path(values.state, "WHARF_STATE", "/run/wharf");
  if (Buffer.byteLength(state) > STATE_BYTES) {
    throw invalid(
      `the state directory's path may have ${STATE_BYTES} bytes, because of the sockets in it: ${JSON.stringify(state)}`,
    );
  }
  const root = path(values.root, "WHARF_ROOT", "/var/lib/wharf");
  if (/[,:\\"\n]/.test(root)) {
    throw invalid(
      `the root directory ${JSON.stringify(root)} has a character that overlay mounts cannot have: , : \\ " or a line's end`,
    );
  }
  return {
    command: values.help ? "help" : values.version ? "version" : (command as Command),
    root,
    state,
    config: path(values.config, "WHARF_CONFIG", "/etc/wharf/config.toml"),
    configNamed: values.config !== undefined,
    hosts: (values.host ?? []).map((host) => parseListenAddress(host, tls !== undefined)),
    tls,
    group: values.group || "docker",
    level: level as Level,
    containerd: values.containerd === undefined ? undefined : resolve(values.containerd.replace(/^unix:\/\//, "")),
    containerdNamespace: namespace(values["containerd-namespace"] ?? "moby"),
    cgroupParent: cgroupParent(values["cgroup-parent"] ?? "/docker"),
    shimPath: (values["shim-path"] ?? []).map((directory) => resolve(directory)),
  };
}

function parse(args: readonly string[]) {
  return parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      root: { type: "string" },
      state: { type: "string" },
      config: { type: "string" },
      host: { type: "string", short: "H", multiple: true },
      group: { type: "string" },
      tlsverify: { type: "boolean" },
      tlscacert: { type: "string" },
      tlscert: { type: "string" },
      tlskey: { type: "string" },
      "shim-path": { type: "string", multiple: true },
      containerd: { type: "string" },
      "containerd-namespace": { type: "string" },
      "cgroup-parent": { type: "string" },
      "log-level": { type: "string", short: "l" },
      version: { type: "boolean", short: "v" },
      help: { type: "boolean", short: "h" },
    },
  });
}

/** All four together or none: TLS that does not ask for the client's certificate protects nothing here. */
function tlsFiles(given: ReturnType<typeof parse>["values"]): TlsFiles | undefined {
  const { tlsverify, tlscacert: ca, tlscert: cert, tlskey: key } = given;
  if (!tlsverify && !ca && !cert && !key) return undefined;
  if (tlsverify && ca && cert && key) return { ca, cert, key };
  throw invalid("--tlsverify, --tlscacert, --tlscert and --tlskey belong together");
}

function cgroupParent(given: string): string {
  if (/^(\/[^/.][^/]*)+$/.test(given)) return given;
  throw invalid(`the cgroup ${JSON.stringify(given)} is no absolute path without dots`);
}

function namespace(given: string): string {
  checkIdentifier(given, "namespace");
  return given;
}

function invalid(message: string): WharfError {
  return new WharfError("InvalidArgument", message, {
    operation: "start wharfd",
    hint: "wharfd --help lists the options",
  });
}
