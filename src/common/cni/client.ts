/**
 * A runtime's side of CNI (specification 1.1.0, sections 2 and 3): which plugins are called how, with which results. Who runs programs and
 * keeps files is the host's matter (`CniHost`), so that the calls can be looked at without one.
 */
import { WharfError } from "../errors.ts";
import { atLeast, type NetworkConfig, type PluginConfig, SUPPORTED_VERSIONS } from "./config.ts";
import { pluginError, type RawResult } from "./result.ts";

export interface Ended {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CniHost {
  /** The program of a type in the first of the folders that has it; undefined when none has. */
  find(type: string, folders: readonly string[]): string | undefined;
  /** Runs it to its end, with these variables beside our own environment. */
  run(program: string, stdin: string, env: Readonly<Record<string, string>>): Ended;
  /** A kept text; undefined when there is none of the name. */
  load(name: string): string | undefined;
  keep(name: string, text: string): void;
  forget(name: string): void;
  /** All names under which something is kept. */
  kept(): string[];
}

/** One interface of one container in one network. */
export interface Attachment {
  readonly containerId: string;
  /** The network namespace's path; "" when it is gone. */
  readonly netns: string;
  readonly ifName: string;
  readonly args?: readonly (readonly [key: string, value: string])[];
  /** By capability: what plugins that have it get as `runtimeConfig`. */
  readonly capabilityArgs?: Readonly<Record<string, unknown>>;
}

export interface AttachmentName {
  readonly containerID: string;
  readonly ifname: string;
}

/** The form of what is kept, which other runtimes that use libcni read and write, too. */
interface Kept {
  kind: string;
  containerId: string;
  /** base64 */
  config: string;
  ifName: string;
  networkName: string;
  netns?: string;
  cniArgs?: (readonly [string, string])[];
  capabilityArgs?: Record<string, unknown>;
  result?: RawResult;
}

const KIND = "cniCacheV1";
const ID = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;
const INTERFACE = /^(?!\.{1,2}$)[^/:\s]{1,15}$/;
/** With which versions each began. */
const SINCE = { CHECK: "0.4.0", keptResult: "0.4.0", GC: "1.1.0", STATUS: "1.1.0" };

type Command = "ADD" | "DEL" | "CHECK" | "GC" | "STATUS" | "VERSION";

export class CniClient {
  readonly #host: CniHost;
  readonly #folders: readonly string[];
  readonly #encode: (text: string) => string;

  /** `folders` have the plugins; `encode` makes a text's base64. */
  constructor(host: CniHost, folders: readonly string[], encode: (text: string) => string) {
    this.#host = host;
    this.#folders = folders;
    this.#encode = encode;
  }

  /** Attaches: every plugin in turn, each with the result of the one before it. The last one's is kept, and the answer. */
  add(network: NetworkConfig, attachment: Attachment): RawResult {
    if (!ID.test(attachment.containerId)) throw invalid("container id", attachment.containerId);
    if (!INTERFACE.test(attachment.ifName)) throw invalid("interface name", attachment.ifName);
    let result: RawResult | undefined;
    for (const plugin of network.plugins) {
      const stdout = this.#call("ADD", plugin, configOf(network, plugin, attachment, result), attachment);
      result = parseAnswer(plugin, stdout);
    }
    this.#keep(network, attachment, result!);
    return result!;
  }

  /** Detaches, in the other order. What is not there any more is no error. */
  del(network: NetworkConfig, attachment: Attachment): void {
    const result = this.cachedResult(network, attachment);
    const previous = atLeast(network.cniVersion, SINCE.keptResult) ? result : undefined;
    for (const plugin of network.plugins.toReversed()) {
      this.#call("DEL", plugin, configOf(network, plugin, attachment, previous), attachment);
    }
    this.#host.forget(nameOf(network.name, attachment));
  }

  /** Is it as it was made? Unimplemented for versions that have no CHECK. */
  check(network: NetworkConfig, attachment: Attachment): void {
    if (!atLeast(network.cniVersion, SINCE.CHECK)) {
      throw new WharfError("Unimplemented", `CNI ${network.cniVersion} of network ${network.name} has no CHECK`);
    }
    if (network.disableCheck) return;
    const result = this.cachedResult(network, attachment);
    if (!result) throw new WharfError("NotFound", `network ${network.name} has no result of ${attachment.containerId}`);
    for (const plugin of network.plugins) {
      this.#call("CHECK", plugin, configOf(network, plugin, attachment, result), attachment);
    }
  }

  /** Detaches all that is not in `valid`, and has the plugins look for what else is left. All is tried; the first failure is thrown. */
  gc(network: NetworkConfig, valid: readonly AttachmentName[]): void {
    if (network.disableGc) return;
    let failure: unknown;
    const attempt = (work: () => void) => {
      try {
        work();
      } catch (error) {
        failure ??= error;
      }
    };
    for (const one of this.attachments()) {
      const { containerId, ifName } = one;
      if (one.network !== network.name) continue;
      if (valid.some(({ containerID, ifname }) => containerID === containerId && ifname === ifName)) continue;
      attempt(() => this.del(network, one));
    }
    if (atLeast(network.cniVersion, SINCE.GC)) {
      const fields = { "cni.dev/valid-attachments": valid, "cni.dev/attachments": valid };
      for (const plugin of network.plugins) {
        attempt(() => void this.#call("GC", plugin, { ...configOf(network, plugin), ...fields }));
      }
    }
    if (failure) throw failure;
  }

  /** Can it attach now? Nothing to ask for versions that have no STATUS. */
  status(network: NetworkConfig): void {
    if (!atLeast(network.cniVersion, SINCE.STATUS)) return;
    for (const plugin of network.plugins) this.#call("STATUS", plugin, configOf(network, plugin));
  }

  /** The versions that a plugin speaks. */
  version(type: string): string[] {
    const plugin = { type };
    const { supportedVersions } = parseAnswer(
      plugin,
      this.#call("VERSION", plugin, { cniVersion: SUPPORTED_VERSIONS.at(-1)! }),
    );
    // the oldest ones do not know the question
    return Array.isArray(supportedVersions) ? (supportedVersions as string[]) : ["0.1.0"];
  }

  /** Are all plugins there, and do they speak the network's version? The answer is what they can be told. */
  validate(network: NetworkConfig): string[] {
    for (const { type } of network.plugins) {
      if (this.version(type).includes(network.cniVersion)) continue;
      const message = `CNI plugin ${JSON.stringify(type)} does not speak version ${network.cniVersion} of network ${network.name}`;
      throw new WharfError("FailedPrecondition", message);
    }
    const able = network.plugins.flatMap(({ capabilities }) => Object.entries(capabilities ?? {}));
    return [...new Set(able.filter(([, enabled]) => enabled).map(([name]) => name))];
  }

  cachedResult(network: NetworkConfig, attachment: Attachment): RawResult | undefined {
    return this.#kept(nameOf(network.name, attachment))?.result;
  }

  /** All that is attached as far as it is kept, of one container or of all. */
  attachments(containerId?: string): (Attachment & { network: string })[] {
    return this.#host
      .kept()
      .sort()
      .flatMap((name) => {
        const kept = this.#kept(name);
        if (!kept || (containerId !== undefined && kept.containerId !== containerId)) return [];
        const { networkName: network, netns = "", ifName, cniArgs, capabilityArgs } = kept;
        const further = { ...(cniArgs ? { args: cniArgs } : {}), ...(capabilityArgs ? { capabilityArgs } : {}) };
        return [{ network, containerId: kept.containerId, netns, ifName, ...further }];
      });
  }

  /** What cannot be read is as good as none. */
  #kept(name: string): Kept | undefined {
    try {
      const kept = JSON.parse(this.#host.load(name) ?? "null") as Kept | null;
      return kept?.kind === KIND ? kept : undefined;
    } catch {
      return undefined;
    }
  }

  #keep(network: NetworkConfig, attachment: Attachment, result: RawResult): void {
    const { containerId, netns, ifName, args, capabilityArgs } = attachment;
    const kept: Kept = {
      ...{ kind: KIND, containerId, config: this.#encode(network.text), ifName, networkName: network.name },
      ...(netns ? { netns } : {}),
      ...(args?.length ? { cniArgs: [...args] } : {}),
      ...(capabilityArgs && Object.keys(capabilityArgs).length > 0 ? { capabilityArgs: { ...capabilityArgs } } : {}),
      result,
    };
    this.#host.keep(nameOf(network.name, attachment), JSON.stringify(kept));
  }

  #call(command: Command, plugin: PluginConfig, config: object, attachment?: Attachment): string {
    const { type } = plugin;
    const program = this.#host.find(type, this.#folders);
    if (program === undefined) {
      const message = `CNI plugin ${JSON.stringify(type)} is in none of ${this.#folders.join(", ")}`;
      throw new WharfError("FailedPrecondition", message, {
        subject: type,
        hint: "install the plugins (containernetworking-plugins), or name their folder with CNI_PATH",
      });
    }
    const { containerId = "", netns = "", ifName = "", args = [] } = attachment ?? {};
    const { status, stdout, stderr } = this.#host.run(program, JSON.stringify(config), {
      CNI_COMMAND: command,
      CNI_CONTAINERID: containerId,
      CNI_NETNS: netns,
      CNI_IFNAME: ifName,
      CNI_ARGS: args.map(([key, value]) => `${key}=${value}`).join(";"),
      CNI_PATH: this.#folders.join(":"),
    });
    if (status !== 0) throw pluginError(type, command, status, stdout, stderr);
    return stdout;
  }
}

function nameOf(network: string, { containerId, ifName }: Attachment): string {
  return `${network}-${containerId}-${ifName}`;
}

function invalid(what: string, value: string): WharfError {
  return new WharfError("InvalidArgument", `${what} ${JSON.stringify(value)} cannot be used with CNI`);
}

/** A plugin's configuration as it gets it: with the network's name and version, the result so far, and what the runtime tells it. */
function configOf(network: NetworkConfig, plugin: PluginConfig, attachment?: Attachment, previous?: RawResult): object {
  const { capabilityArgs = {} } = attachment ?? {};
  const told = Object.entries(capabilityArgs).filter(([name]) => plugin.capabilities?.[name]);
  return {
    ...plugin,
    name: network.name,
    cniVersion: network.cniVersion,
    ...(previous ? { prevResult: previous } : {}),
    ...(told.length > 0 ? { runtimeConfig: Object.fromEntries(told) } : {}),
  };
}

function parseAnswer({ type }: PluginConfig, stdout: string): RawResult {
  try {
    return JSON.parse(stdout) as RawResult;
  } catch (cause) {
    throw new WharfError("Unknown", `CNI plugin ${JSON.stringify(type)} answered no JSON`, { cause, subject: type });
  }
}
