// wharf context: named daemons, shared with docker.
import { ANY } from "../../../common/cli/command.ts";
import { bool, cut, type Flag, maybeString, parseBool, string } from "../../../common/cli/flags.ts";
import { inspectTemplate } from "../../../common/cli/format/inspect.ts";
import { indentJson } from "../../../common/cli/format/json-indent.ts";
import { type RowKind, writeRows } from "../../../common/cli/format/write.ts";
import { WharfError } from "../../../common/errors.ts";
import { Fd, O, open, readFile } from "../../sys/fs.ts";
import { type Cli, command } from "../cli.ts";
import { changeConfig } from "../config.ts";
import { each } from "../container/each.ts";
import { readArchive, writeArchive } from "../context/archive.ts";
import { type Context, checkContextName, DEFAULT_CONTEXT, type TlsFile } from "../context/store.ts";
import { formatEndpoint, parseEndpoint } from "../http/endpoint.ts";
import { checkArchiveOutput } from "../stream/download.ts";

const KEYS = ["from", "host", "ca", "cert", "key", "skip-tls-verify"];

/** `host=tcp://…,ca=FILE,cert=FILE,key=FILE` */
const DOCKER_FLAG: Flag<Readonly<Record<string, string>>> = {
  type: "KEY=VALUE,…",
  help: `Its daemon: ${KEYS.join(", ")}`,
  initial: {},
  parse: (text, before) => {
    const all = { ...before };
    for (const part of text.split(",")) {
      const [key, value] = cut(part, "=");
      if (value === undefined) throw new WharfError("InvalidArgument", `${JSON.stringify(part)} is not KEY=VALUE`);
      if (!KEYS.includes(key))
        throw new WharfError("InvalidArgument", `unrecognized config key: ${key}`, {
          hint: `keys are ${KEYS.join(", ")}`,
        });
      all[key] = value;
    }
    return all;
  },
};

interface Endpoint {
  docker: { Host: string; SkipTLSVerify: boolean };
  tls: ReadonlyMap<TlsFile, Uint8Array>;
}

/** What --docker describes; for "default" and without a host, the daemon that is talked to now. */
function endpointOf(cli: Cli, settings: Readonly<Record<string, string>>): Endpoint {
  const { from } = settings;
  if (from !== undefined) {
    if (Object.keys(settings).length > 1)
      throw new WharfError("InvalidArgument", "from does not go with the other keys of --docker", {
        operation: "usage",
      });
    return copied(cli, from);
  }
  const Host = settings.host ?? formatEndpoint(cli.endpoint);
  parseEndpoint(Host);
  const tls = new Map<TlsFile, Uint8Array>();
  for (const [key, file] of [
    ["ca", "ca.pem"],
    ["cert", "cert.pem"],
    ["key", "key.pem"],
  ] as const) {
    const path = settings[key];
    if (path) tls.set(file, readFile(path.startsWith("~/") ? `${cli.env.get("HOME") ?? ""}${path.slice(1)}` : path));
  }
  return { docker: { Host, SkipTLSVerify: parseBool(settings["skip-tls-verify"] ?? "false") }, tls };
}

function copied(cli: Cli, name: string): Endpoint {
  const { docker = { Host: "", SkipTLSVerify: false } } = described(cli, name).Endpoints;
  return { docker, tls: name === DEFAULT_CONTEXT ? new Map() : cli.contexts.tls(name) };
}

/** A context by its name; the default one is made of the flags and the environment. */
function described(cli: Cli, name: string): Context {
  if (name !== DEFAULT_CONTEXT) return cli.contexts.get(name);
  const Host = cli.globals.hosts.host || cli.env.get("DOCKER_HOST") || `unix://${cli.ownSocket}`;
  return { Name: name, Metadata: {}, Endpoints: { docker: { Host, SkipTLSVerify: false } } };
}

export const contextCreate = command({
  name: "create",
  summary: "Give a daemon a name",
  usage: "CONTEXT",
  args: { min: 1, max: 1 },
  section: "system",
  flags: {
    description: string("What it is"),
    docker: DOCKER_FLAG,
    from: string("Context to be copied", { type: "CONTEXT" }),
  },
  examples: [
    { what: "Another machine, through ssh", line: "context create server --docker host=ssh://me@server" },
    {
      what: "With TLS",
      line: "context create build --docker host=tcp://build:2376,ca=ca.pem,cert=cert.pem,key=key.pem",
    },
  ],
  run: (cli, { flags, args }) => {
    const name = args[0]!;
    checkContextName(name);
    if (cli.contexts.has(name)) {
      throw new WharfError("AlreadyExists", `context ${JSON.stringify(name)} already exists`, {
        hint: `'wharf context update ${name}' changes it`,
      });
    }
    const own = Object.keys(flags.docker).length > 0;
    if (own && flags.from !== "")
      throw new WharfError("InvalidArgument", "--from does not go with --docker", { operation: "usage" });
    const { docker, tls } = own ? endpointOf(cli, flags.docker) : copied(cli, flags.from || cli.context);
    cli.contexts.putTls(name, tls);
    cli.contexts.put({
      Name: name,
      Metadata: flags.description === "" ? {} : { Description: flags.description },
      Endpoints: { docker },
    });
    cli.out(`${name}\n`);
    cli.err(`Successfully created context ${JSON.stringify(name)}\n`);
    return 0;
  },
});

export const contextUpdate = command({
  name: "update",
  summary: "Change a context",
  usage: "CONTEXT",
  args: { min: 1, max: 1 },
  section: "system",
  completes: "contexts",
  flags: { description: maybeString("What it is"), docker: DOCKER_FLAG },
  examples: [{ what: "Another address", line: "context update server --docker host=ssh://me@server2" }],
  run: (cli, { flags, args }) => {
    const name = args[0]!;
    checkContextName(name);
    const context = cli.contexts.get(name);
    if (flags.description !== undefined) context.Metadata.Description = flags.description;
    if (Object.keys(flags.docker).length > 0) {
      const { docker, tls } = endpointOf(cli, flags.docker);
      context.Endpoints.docker = docker;
      cli.contexts.putTls(name, tls);
    }
    cli.contexts.put(context);
    cli.out(`${name}\n`);
    cli.err(`Successfully updated context ${JSON.stringify(name)}\n`);
    return 0;
  },
});

interface ContextRow {
  readonly name: string;
  readonly description: string;
  readonly host: string;
  readonly current: boolean;
}

const TABLE = "table {{.Name}}{{if .Current}} *{{end}}\t{{.Description}}\t{{.DockerEndpoint}}\t{{.Error}}";
const ROWS: RowKind<ContextRow> = {
  type: "*formatter.clientContextContext",
  headers: { Current: "", Name: "NAME", Description: "DESCRIPTION", DockerEndpoint: "DOCKER ENDPOINT", Error: "ERROR" },
  fields: ({ name, description, host, current }) => ({
    Current: current,
    Description: description,
    DockerEndpoint: host,
    Error: "",
    Name: name,
  }),
};

export const contextLs = command({
  name: "ls",
  summary: "List contexts",
  usage: "",
  args: { min: 0, max: 0 },
  section: "system",
  flags: {
    format: string("How to print: table, json or a Go template", { type: "FORMAT", words: ["table", "json"] }),
    quiet: bool("Only names", { short: "q" }),
  },
  examples: [{ what: "The current one has a star", line: "context ls" }],
  run: (cli, { flags }) => {
    const current = cli.context;
    const rows = [...cli.contexts.list(), described(cli, DEFAULT_CONTEXT)].map((one): ContextRow => {
      const own = one.Name === DEFAULT_CONTEXT;
      return {
        name: one.Name,
        description: own ? "Current DOCKER_HOST based configuration" : (one.Metadata.Description ?? ""),
        host: one.Endpoints.docker?.Host ?? "",
        current: one.Name === current,
      };
    });
    rows.sort((a, b) => (a.name < b.name ? -1 : 1));
    const plain = flags.format === "" || flags.format === "table";
    const format = plain ? (flags.quiet ? "{{.Name}}" : TABLE) : flags.format;
    cli.out(
      writeRows(rows, ROWS, { format, fit: plain ? cli.terminalSize(1)?.columns : undefined, keep: new Set([0]) }),
    );
    if (!flags.quiet) warnOfHost(cli);
    return 0;
  },
});

function warnOfHost(cli: Cli): void {
  if (cli.env.get("DOCKER_HOST") && cli.globals.hosts.context === "")
    cli.warn("DOCKER_HOST wins over the current context; unset it, or use --context");
}

export const contextInspect = command({
  name: "inspect",
  summary: "Show everything about contexts",
  usage: "[CONTEXT...]",
  args: { min: 0, max: ANY },
  section: "system",
  completes: "contexts",
  flags: { format: string("How to print: json or a Go template", { short: "f", type: "FORMAT", words: ["json"] }) },
  examples: [{ what: "Where it is", line: "context inspect -f '{{.Endpoints.docker.Host}}' server" }],
  run: (cli, { flags, args }) => {
    const render = flags.format === "" ? undefined : inspectTemplate(flags.format);
    const all = (args.length > 0 ? args : [cli.context]).map((name) => {
      const own = name === DEFAULT_CONTEXT;
      const tls = own ? [] : [...cli.contexts.tls(name).keys()];
      return {
        ...described(cli, name),
        TLSMaterial: tls.length > 0 ? { docker: tls } : {},
        Storage: {
          MetadataPath: own ? "<IN MEMORY>" : cli.contexts.metaFolder(name),
          TLSPath: own ? "<IN MEMORY>" : cli.contexts.tlsFolder(name),
        },
      };
    });
    if (render) for (const one of all) cli.out(`${render(JSON.stringify(one))}\n`);
    else
      cli.out(`${indentJson(JSON.stringify(all), "", "    ").replaceAll("<", "\\u003c").replaceAll(">", "\\u003e")}\n`);
    return 0;
  },
});

export const contextRm = command({
  name: "rm",
  summary: "Forget contexts",
  usage: "CONTEXT [CONTEXT...]",
  args: { min: 1, max: ANY },
  section: "system",
  completes: "contexts",
  flags: { force: bool("Also the current one, and one that is not there", { short: "f" }) },
  examples: [{ what: "One that is no longer used", line: "context rm server" }],
  run: (cli, { flags, args }) =>
    each(cli, args, async (name) => {
      if (name === DEFAULT_CONTEXT) throw new WharfError("InvalidArgument", `context "default" cannot be removed`);
      if (name === cli.context && !flags.force) {
        throw new WharfError("FailedPrecondition", `context ${JSON.stringify(name)} is in use`, {
          hint: "-f removes it all the same",
        });
      }
      if (!flags.force || cli.contexts.has(name)) cli.contexts.remove(name);
      if (name === cli.config.currentContext) changeConfig(cli.configPath, ({ currentContext: _, ...rest }) => rest);
      return `${name}\n`;
    }),
});

export const contextShow = command({
  name: "show",
  summary: "Print the current context's name",
  usage: "",
  args: { min: 0, max: 0 },
  section: "system",
  flags: {},
  examples: [{ what: "For a prompt", line: "context show" }],
  run: (cli) => {
    cli.out(`${cli.context}\n`);
    return 0;
  },
});

export const contextUse = command({
  name: "use",
  summary: "Make a context the current one",
  description: "'default' is our own daemon again.",
  usage: "CONTEXT",
  args: { min: 1, max: 1 },
  section: "system",
  completes: "contexts",
  flags: {},
  examples: [{ what: "From now on that machine", line: "context use server" }],
  run: (cli, { args }) => {
    const name = args[0]!;
    if (name !== DEFAULT_CONTEXT) cli.contexts.get(name);
    changeConfig(cli.configPath, ({ currentContext: _, ...rest }) =>
      name === DEFAULT_CONTEXT ? rest : { ...rest, currentContext: name },
    );
    cli.out(`${name}\n`);
    cli.err(`Current context is now ${JSON.stringify(name)}\n`);
    if (name !== DEFAULT_CONTEXT) warnOfHost(cli);
    return 0;
  },
});

export const contextExport = command({
  name: "export",
  summary: "Write a context to a file",
  usage: "CONTEXT [FILE|-]",
  args: { min: 1, max: 2 },
  section: "system",
  completes: "contexts",
  flags: {},
  examples: [{ what: "To stdout", line: "context export server - >server.tar" }],
  run: (cli, { args }) => {
    const [name, file = `${args[0]}.dockercontext`] = args as [string, string?];
    const context = described(cli, name);
    const tls = name === DEFAULT_CONTEXT ? new Map<TlsFile, Uint8Array>() : cli.contexts.tls(name);
    if (file === "-") {
      checkArchiveOutput(cli, "", "name a file");
      writeArchive(1, { context, tls });
      return 0;
    }
    using output = new Fd(open(file, O.WRONLY | O.CREAT | O.EXCL, 0o600));
    writeArchive(output.value, { context, tls });
    cli.err(`Written file ${JSON.stringify(file)}\n`);
    return 0;
  },
});

export const contextImport = command({
  name: "import",
  summary: "Take a context from a file",
  usage: "CONTEXT FILE|-",
  args: { min: 2, max: 2 },
  section: "system",
  flags: {},
  examples: [{ what: "Under a name of your choice", line: "context import server server.dockercontext" }],
  run: (cli, { args }) => {
    const [name, file] = args as [string, string];
    checkContextName(name);
    if (cli.contexts.has(name)) throw new WharfError("AlreadyExists", `context ${JSON.stringify(name)} already exists`);
    using input = file === "-" ? undefined : new Fd(open(file, O.RDONLY));
    const { context, tls } = readArchive(input?.value ?? 0);
    cli.contexts.putTls(name, tls);
    cli.contexts.put({ ...context, Name: name });
    cli.out(`${name}\n`);
    cli.err(`Successfully imported context ${JSON.stringify(name)}\n`);
    return 0;
  },
});
