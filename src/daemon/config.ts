/** What /etc/wharf/config.toml settles. */

import type { MessageLimits } from "../common/grpc/message.ts";
import type { ContentPolicy } from "./containerd/core/scope.ts";
import type { RegistryConfig } from "./registry/settings.ts";
import type { VerifierSettings } from "./transfer/verify.ts";

/** What `--runtime NAME` stands for. */
export interface RuntimeHandler {
  /** Name of a shim as containerd has them, or its absolute path. */
  type: string;
  /** Program of the OCI runtime; the shim's own when it is empty. */
  binary: string;
  /** Its state folder; the shim's choice when it is empty. */
  root: string;
  systemdCgroup: boolean;
}

/** What containers that name no log driver, or no option of it, get. */
export interface LogSettings {
  /** `json-file`, `local` or `none`. */
  driver: string;
  /** By name, as `docker run --log-opt` has them. */
  options: Readonly<Record<string, string>>;
}

export interface Config {
  registries: RegistryConfig | undefined;
  /** By name; `runt` is there without being one, too. */
  runtimes: Record<string, RuntimeHandler>;
  /** Name of a handler. */
  defaultRuntime: string;
  /** Sockets of other snapshotters, by name. */
  snapshotters: Record<string, string>;
  /** Socket on which ours is served to another containerd. */
  snapshotterSocket: string | undefined;
  /** Name or number of the group that may use the sockets of containerd's API; root's by default. */
  containerdGroup: string | undefined;
  /** Of the containerd API; containerd's by default. */
  messageLimits?: MessageLimits | undefined;
  /** `shared` by default. */
  contentPolicy?: ContentPolicy | undefined;
  /** Milliseconds between two looks at containers with restart labels; 10 s by default. */
  restartInterval?: number | undefined;
  /** Image that holds pods of the sandbox controller `podsandbox`; a program of ours by default. */
  sandboxImage?: string | undefined;
  /** -1000 to 1000: the daemon's oom_score_adj; left as it is by default. */
  oomScore?: number | undefined;
  /** `json-file` without options by default. */
  logs?: LogSettings | undefined;
  /** Asked about each image that is pulled. */
  imageVerifier?: VerifierSettings | undefined;
}

/** What is so where the file says nothing. */
export const DEFAULTS: Config = {
  registries: undefined,
  runtimes: {},
  defaultRuntime: "runt",
  snapshotters: {},
  snapshotterSocket: undefined,
  containerdGroup: undefined,
};
