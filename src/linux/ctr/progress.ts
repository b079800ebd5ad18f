// How a transfer goes: a tree that is drawn anew on a terminal; elsewhere one line a step.
import { binarySize } from "../../common/cli/units.ts";
import type { Progress } from "../../common/gen/containerd/transfer/progress.ts";
import { isTerminal } from "../cli/terminal.ts";
import { stdout } from "../sys/out.ts";
import { monotonicMs } from "../sys/time.ts";

const BAR = 30;
const REDRAW_MS = 100;

function shortName(name: string): string {
  return name.replace(/sha256:([0-9a-f]{12})[0-9a-f]{52}/g, "($1)").replaceAll("-(", " (");
}

export class ProgressDisplay {
  readonly #began = monotonicMs();
  readonly #terminal = isTerminal(1);
  readonly #steps = new Map<string, Progress>();
  #status = "";
  #drawn = 0;
  #last = 0;

  readonly take = (step: Progress): void => {
    const { name, event } = step;
    const before = name === "" ? this.#status : this.#steps.get(name)?.event;
    if (name === "") this.#status = event;
    else this.#steps.set(name, step);
    if (this.#terminal) this.#draw(monotonicMs() - this.#last >= REDRAW_MS);
    else if (before !== event) stdout(`${name === "" ? event : `${shortName(name)}: ${event}`}\n`);
  };

  #depth(step: Progress): number {
    const parent = step.parents.map((name) => this.#steps.get(name)).find((found) => found !== undefined);
    return parent && parent !== step ? this.#depth(parent) + 1 : 0;
  }

  #draw(now: boolean): void {
    if (!now) return;
    this.#last = monotonicMs();
    const lines = [...this.#steps.values()].map((step) => {
      const name = `${"  ".repeat(this.#depth(step))}${shortName(step.name)}`.padEnd(44).slice(0, 44);
      if (step.total <= 0) return `${name} ${step.event}`;
      const part = Math.min(1, step.progress / step.total);
      const filled = Math.round(part * BAR);
      const bar = `${"+".repeat(filled)}${"-".repeat(BAR - filled)}`;
      return `${name} ${step.event.padEnd(12)} |${bar}| ${binarySize(step.progress)}/${binarySize(step.total)}`;
    });
    const up = this.#drawn > 0 ? `\x1b[${this.#drawn}A\r\x1b[J` : "";
    this.#drawn = lines.length;
    if (lines.length > 0) stdout(`${up}${lines.join("\n")}\n`);
  }

  /** Draws the last state and says how long all of it took. */
  done(): void {
    if (this.#terminal) this.#draw(true);
    const total = [...this.#steps.values()].reduce((sum, step) => sum + Math.max(0, step.progress), 0);
    stdout(`elapsed: ${((monotonicMs() - this.#began) / 1000).toFixed(1)}s\ttotal: ${binarySize(total)}\n`);
  }
}
