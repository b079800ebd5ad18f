// ctr, the original from the peers root or ours, on any containerd.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../../tools/lib/native.ts";
import { execute, type Result, type RunOptions } from "../cli/program.ts";

export const PEERS = join(ROOT, "tools/peers");
const HELPER = join(ROOT, "test/interop/cli/terminal.py");

/** What ctr talks to: where its socket is, and a folder of its own. */
export interface CtrTarget {
  readonly dir: string;
  /** Of a real containerd. */
  readonly socket?: string;
  /** Our daemon's, in which the socket lies. */
  readonly state?: string;
}

export interface CtrOptions {
  namespace?: string;
  /** Ours, not the original. */
  own?: boolean;
  /** A program with its arguments that becomes ours, such as ip netns exec. */
  within?: readonly string[];
}

/** ctr in one namespace. Its FIFOs lie where the shims see them, too. */
export class Ctr {
  readonly #target: CtrTarget;
  readonly #options: CtrOptions;

  constructor(target: CtrTarget, options: CtrOptions = {}) {
    this.#target = target;
    this.#options = options;
    mkdirSync(this.fifos, { recursive: true });
  }

  get fifos(): string {
    return join(this.#target.dir, "fifo");
  }

  #command(args: readonly string[]): string[] {
    const { dir, state, socket } = this.#target;
    const program = this.#options.own
      ? [...(this.#options.within ?? []), join(ROOT, "dist/bin/ctr")]
      : [PEERS, "enter", "--bind", dir, "ctr"];
    return [
      ...program,
      "-a",
      state === undefined ? socket! : join(state, "containerd.sock"),
      "-n",
      this.#options.namespace ?? "default",
      ...args,
    ];
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
