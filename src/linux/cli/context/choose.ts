// Which daemon a call talks to: flags win over the environment, that over docker's current context, that over our own daemon.
import { WharfError } from "../../../common/errors.ts";
import { join } from "../../../common/path.ts";
import { exists } from "../../sys/fs.ts";
import type { Config } from "../config.ts";
import type { Tls } from "../http/tls.ts";
import { type ContextStore, DEFAULT_CONTEXT } from "./store.ts";

export interface HostFlags {
  readonly host: string;
  readonly context: string;
  readonly tls: boolean;
  readonly tlsverify: boolean | undefined;
  readonly tlscacert: string;
  readonly tlscert: string;
  readonly tlskey: string;
}

/** The context's name. Throws for --host and --context at once. */
export function contextName(flags: HostFlags, env: ReadonlyMap<string, string>, config: () => Config): string {
  if (flags.context !== "") {
    if (flags.host !== "")
      throw new WharfError("InvalidArgument", "--host and --context name two daemons", {
        operation: "usage",
        hint: "leave one of them away",
      });
    return flags.context;
  }
  if (flags.host !== "" || env.get("DOCKER_HOST")) return DEFAULT_CONTEXT;
  return env.get("DOCKER_CONTEXT") || config().currentContext || DEFAULT_CONTEXT;
}

/** What the flags and the environment say about TLS; undefined without a word of it. */
export function tlsOf(flags: HostFlags, env: ReadonlyMap<string, string>, folder: string): Tls | undefined {
  const verify = flags.tlsverify ?? Boolean(env.get("DOCKER_TLS_VERIFY"));
  const named = flags.tlscacert !== "" || flags.tlscert !== "" || flags.tlskey !== "";
  if (!verify && !flags.tls && !env.get("DOCKER_TLS") && flags.tlsverify === undefined) return undefined;
  if (!verify && !flags.tls && !env.get("DOCKER_TLS") && !named) return undefined;
  const certificates = env.get("DOCKER_CERT_PATH") || folder;
  const path = (flag: string, file: string) => {
    if (flag !== "") return flag;
    // What was not named may be missing, as with docker.
    return exists(join(certificates, file)) ? join(certificates, file) : undefined;
  };
  return {
    ca: path(flags.tlscacert, "ca.pem"),
    cert: path(flags.tlscert, "cert.pem"),
    key: path(flags.tlskey, "key.pem"),
    verify,
  };
}

/** The host chosen by flag, environment or context; undefined means our own daemon. */
export function chosenHost(
  flags: HostFlags,
  env: ReadonlyMap<string, string>,
  context: string,
  store: ContextStore,
  folder: string,
): { host: string; tls: Tls | undefined } | undefined {
  if (context !== DEFAULT_CONTEXT) return store.endpoint(context);
  const host = flags.host || env.get("DOCKER_HOST");
  return host ? { host, tls: tlsOf(flags, env, folder) } : undefined;
}
