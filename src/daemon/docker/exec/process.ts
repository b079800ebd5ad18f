/** A further process of a container, as its container knows it. */

import type { User } from "../../../common/oci/runtime.ts";

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

export interface ExecProcess {
  readonly id: string;
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
