/** What `--runtime NAME` stands for: `runt`, the handlers of the configuration, and containerd's names of the shims that are there. */

import { WharfError } from "../../common/errors.ts";
import { Options } from "../../common/gen/containerd/runc/options.ts";
import { packAny } from "../../common/protobuf/any.ts";
import type { RuntimeHandler } from "../config.ts";
import type { Runtime } from "../containerd/api/containers.ts";

const RUNC = "io.containerd.runc.v2";
const OURS = "io.containerd.runt.v2";
/** runc's shim, where it is installed, cannot keep Docker's log: who names it without a handler gets what stands in its place. */
const STANDS_FOR_RUNT: ReadonlySet<string> = new Set(["runt", OURS, "runc", RUNC]);

export class Runtimes {
  /** Name of the handler that is used when a request names none. */
  readonly default: string;
  readonly #own: string;
  readonly #handlers: Readonly<Record<string, RuntimeHandler>>;

  /** `own`: what stands for runt, name or path of a shim. */
  constructor(own = OURS, handlers: Readonly<Record<string, RuntimeHandler>> = {}, fallback = "runt") {
    this.#own = own;
    this.#handlers = handlers;
    this.default = fallback;
  }

  /** InvalidArgument for a name that stands for nothing. */
  resolve(name: string): Runtime {
    const handler = this.#handler(name);
    if (handler) {
      const { type, binary: binaryName, root, systemdCgroup } = handler;
      // Our shim's name, where another containerd has to find it.
      const shim = type === OURS ? this.#own : type;
      if (binaryName === "" && root === "" && !systemdCgroup) return { name: shim };
      const { typeUrl, value } = packAny(Options, { binaryName, root, systemdCgroup });
      return { name: shim, options: { typeUrl, value: value as Uint8Array } };
    }
    if (STANDS_FOR_RUNT.has(name)) return { name: this.#own };
    throw new WharfError("InvalidArgument", `unknown or invalid runtime name: ${name}`, {
      subject: name,
      hint: `known are ${this.names.join(", ")}; further ones come from [runtimes.NAME] of the configuration`,
    });
  }

  /** Whether its control groups are systemd's to make. */
  systemdCgroup(name: string): boolean {
    return this.#handler(name)?.systemdCgroup ?? false;
  }

  #handler(name: string): RuntimeHandler | undefined {
    const of = (key: string) => (Object.hasOwn(this.#handlers, key) ? this.#handlers[key] : undefined);
    return of(name) ?? (STANDS_FOR_RUNT.has(name) ? of("runt") : undefined);
  }

  get names(): string[] {
    return [...new Set(["runt", OURS, ...Object.keys(this.#handlers)])];
  }

  /** As `docker info` lists them. */
  get listed(): Record<string, { path: string }> {
    return Object.fromEntries(
      this.names.map((name) => [
        name,
        { path: name === "runt" ? name : this.#handlers[name]?.binary || this.#handlers[name]?.type || "runt" },
      ]),
    );
  }
}
