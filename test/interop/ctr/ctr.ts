// containerd's own command line, from the peers root, on a daemon of ours.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../../tools/lib/native.ts";
import { execute, type Result, type RunOptions } from "../cli/program.ts";
import type { Daemon } from "../e2e/daemon.ts";

export const PEERS = join(ROOT, "tools/peers");
const HELPER = join(ROOT, "test/interop/cli/terminal.py");

/** ctr in one namespace. Its FIFOs lie where the daemon's shims see them, too. */
export class Ctr {
  readonly #daemon: Daemon;
  readonly #namespace: string;

  constructor(daemon: Daemon, namespace = "default") {
    this.#daemon = daemon;
    this.#namespace = namespace;
    mkdirSync(this.fifos, { recursive: true });
  }

  get fifos(): string {
    return join(this.#daemon.dir, "fifo");
  }

  #command(args: readonly string[]): string[] {
    const socket = join(this.#daemon.state, "containerd.sock");
    return [PEERS, "enter", "--bind", this.#daemon.dir, "ctr", "-a", socket, "-n", this.#namespace, ...args];
  }

  /** Runs ctr to its end. */
  run(args: readonly string[], options: RunOptions = {}): Promise<Result> {
    return execute(this.#command(args), options);
  }

  /** Runs ctr in a terminal of 24 by 80; see terminal.py for the script. */
  async terminal(script: unknown[], args: readonly string[]): Promise<{ output: string; code: number }> {
    const command = ["python3", HELPER, "24", "80", JSON.stringify(script), ...this.#command(args)];
    const { stdout, stderr } = await execute(command);
    const result = JSON.parse(stdout || JSON.stringify({ error: stderr })) as {
      output: string;
      code: number;
      error?: string;
    };
    if (result.error !== undefined) throw new Error(`${result.error}: ${result.output}`);
    return result;
  }

  /** Its standard output. Fails when ctr does. */
  async ok(...args: string[]): Promise<string> {
    const { stdout, stderr, code } = await this.run(args);
    if (code !== 0) throw new Error(`ctr ${args.join(" ")} ended with ${code}: ${stderr}${stdout}`);
    return stdout;
  }

  /** Its standard error. Fails when ctr does not. */
  async fails(...args: string[]): Promise<string> {
    const { stdout, stderr, code } = await this.run(args);
    if (code === 0) throw new Error(`ctr ${args.join(" ")} did not fail: ${stdout}`);
    return stderr;
  }
}
