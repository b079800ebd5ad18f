// What a command works with: streams, environment, the daemon's API.
import type { Command, Node } from "../../common/cli/command.ts";
import type { Flags } from "../../common/cli/flags.ts";
import { join } from "../../common/path.ts";
import { stderr, stdout } from "../sys/out.ts";
import { environment } from "../sys/process.ts";
import { randomBytes } from "../sys/time.ts";
import { type Config, configFolder, readConfig } from "./config.ts";
import { chosenHost, contextName, type HostFlags } from "./context/choose.ts";
import { ContextStore } from "./context/store.ts";
import { socketOf } from "./daemon/places.ts";
import { ensureDaemon } from "./daemon/start.ts";
import { Api } from "./http/api.ts";
import { type Endpoint, nobodyListens, parseEndpoint } from "./http/endpoint.ts";
import { isTerminal, type Size, terminalSize } from "./terminal.ts";
import { Recorder } from "./trace/recorder.ts";

export const PROGRAM = "wharf";

export interface Globals {
  readonly hosts: HostFlags;
  /** The folder of docker's configuration file; empty for the usual one. */
  readonly config: string;
  readonly debug: boolean;
}

export class Cli {
  readonly env: ReadonlyMap<string, string>;
  readonly globals: Globals;
  /** The root of the command tree, for commands about commands. */
  readonly commands: ReadonlyMap<string, WharfNode>;
  #api: Api | undefined;
  #autostart = true;
  #config: Config | undefined;
  #trace: Recorder | undefined;

  constructor(globals: Globals, commands: ReadonlyMap<string, WharfNode>) {
    this.globals = globals;
    this.env = environment();
    this.commands = commands;
  }

  /** Data, to stdout. */
  out(text: string | Uint8Array): void {
    stdout(text);
  }

  /** Talk, to stderr. */
  err(text: string): void {
    stderr(text);
  }

  warn(text: string): void {
    stderr(`${PROGRAM}: warning: ${text}\n`);
  }

  debug(text: string): void {
    if (this.globals.debug) stderr(`${PROGRAM}: debug: ${text}\n`);
  }

  isTerminal(fd: 0 | 1 | 2): boolean {
    return isTerminal(fd);
  }

  terminalSize(fd: 0 | 1 | 2): Size | undefined {
    return terminalSize(fd);
  }

  /** Colours and bold are welcome on this stream. */
  colour(fd: 1 | 2): boolean {
    return !this.env.get("NO_COLOR") && this.env.get("TERM") !== "dumb" && isTerminal(fd);
  }

  get ownSocket(): string {
    return socketOf(this.env);
  }

  get #configFolder(): string {
    return configFolder(this.env, this.globals.config);
  }

  get configPath(): string {
    return join(this.#configFolder, "config.json");
  }

  get contexts(): ContextStore {
    return new ContextStore(this.#configFolder);
  }

  /** The name of docker's context that is talked to. */
  get context(): string {
    return contextName(this.globals.hosts, this.env, () => this.config);
  }

  /** Undefined means our own daemon. */
  get #chosen() {
    return chosenHost(this.globals.hosts, this.env, this.context, this.contexts, this.#configFolder);
  }

  get endpoint(): Endpoint {
    const chosen = this.#chosen;
    return chosen ? parseEndpoint(chosen.host, chosen.tls) : { kind: "unix", path: this.ownSocket };
  }

  /** The daemon's API. Nothing is connected before its first use; our own daemon is started when it does not run. */
  get api(): Api {
    return (this.#api ??= this.#makeApi());
  }

  /** From now on our own daemon is not started for a request. */
  leaveDaemonAlone(): void {
    this.#autostart = false;
  }

  #makeApi(): Api {
    const endpoint = this.endpoint;
    const own = this.#chosen === undefined;
    return new Api({
      endpoint,
      version: this.env.get("DOCKER_API_VERSION") || undefined,
      traceparent: () => this.trace.traceparent(),
      onUnreachable: async (error) => own && this.#autostart && nobodyListens(error) && ensureDaemon(this),
      ...(this.globals.debug ? { log: (text: string) => this.debug(text) } : {}),
    });
  }

  /** Docker's own configuration file, for what concerns a client. */
  get config(): Config {
    return (this.#config ??= readConfig(this.configPath));
  }

  /** The trace this call belongs to. */
  get trace(): Recorder {
    return (this.#trace ??= new Recorder(this.env.get("TRACEPARENT"), randomBytes));
  }
}

export type WharfCommand<F extends Flags = Flags> = Command<Cli, F>;
export type WharfNode = Node<Cli>;

/** Declares a command; the flags' types reach its run function. */
export function command<F extends Flags>(declaration: Command<Cli, F>): Command<Cli, F> {
  return declaration;
}
