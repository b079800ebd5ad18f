/** An exec: a further process of a container, in memory as long as the container lives. */

import type { User } from "../../../common/oci/runtime.ts";
import type { Container } from "../containers/container.ts";

export interface ExecConfig {
  user: string;
  privileged: boolean;
  tty: boolean;
  stdin: boolean;
  stdout: boolean;
  stderr: boolean;
  detachKeys: string;
  env: string[];
  workingDir: string;
  command: string[];
  /** Rows and columns at the start. */
  size: { height: number; width: number } | undefined;
}

export interface Exec {
  readonly id: string;
  readonly container: Container;
  readonly config: ExecConfig;
  /** Whom it runs as, where a user was asked for. */
  user?: User;
  phase: "created" | "running" | "exited";
  pid: number;
  /** Null until it has ended. */
  exitCode: number | null;
  /** Resolves when the exit code is known. */
  readonly recorded: PromiseWithResolvers<void>;
}
