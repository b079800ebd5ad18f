// What a command works with: streams, environment, the daemon's API.
import type { Command, Node } from "../../common/cli/command.ts";
import type { Flags } from "../../common/cli/flags.ts";
import { WharfError } from "../../common/errors.ts";
import { stderr, stdout } from "../sys/out.ts";
import { environment } from "../sys/process.ts";
import { randomBytes } from "../sys/time.ts";
import { type Config, readConfig } from "./config.ts";
import { socketOf } from "./daemon/places.ts";
import { ensureDaemon } from "./daemon/start.ts";
import { Api } from "./http/api.ts";
import { type Endpoint, nobodyListens, parseEndpoint } from "./http/endpoint.ts";
import { isTerminal, type Size, terminalSize } from "./terminal.ts";
import { Recorder } from "./trace/recorder.ts";

export const PROGRAM = "wharf";

export interface Globals {
  readonly host: string;
  readonly debug: boolean;
}

export class Cli {
  readonly env: ReadonlyMap<string, string>;
  readonly globals: Globals;
  /** The root of the command tree, for commands about commands. */
  readonly commands: ReadonlyMap<string, WharfNode>;
  #api: Api | undefined;
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

  /** The host chosen by flag or environment; undefined means our own daemon. */
  get chosenHost(): string | undefined {
    return this.globals.host || this.env.get("DOCKER_HOST") || undefined;
  }

  get endpoint(): Endpoint {
    const host = this.chosenHost;
    return host === undefined ? { kind: "unix", path: socketOf(this.env) } : parseEndpoint(host);
  }

  /** The daemon's API. Nothing is connected before its first use; our own daemon is started when it does not run. */
  get api(): Api {
    return (this.#api ??= this.#makeApi());
  }

  #makeApi(): Api {
    const endpoint = this.endpoint;
    const own = this.chosenHost === undefined;
    if (this.env.get("DOCKER_TLS_VERIFY") && endpoint.kind === "tcp") {
      throw new WharfError("Unimplemented", "DOCKER_TLS_VERIFY is set, but TLS is not supported yet", {
        hint: "unset it, or forward the port through ssh -L",
      });
    }
    return new Api({
      endpoint,
      version: this.env.get("DOCKER_API_VERSION") || undefined,
      traceparent: () => this.trace.traceparent(),
      onUnreachable: async (error) => own && nobodyListens(error) && ensureDaemon(this),
      ...(this.globals.debug ? { log: (text: string) => this.debug(text) } : {}),
    });
  }

  /** Docker's own configuration file, for what concerns a client. */
  get config(): Config {
    return (this.#config ??= readConfig(this.env));
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
