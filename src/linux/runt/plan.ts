// The kernel plan: what config.json asks for as an ordered list of steps, each tied to the field that asked for it. Made
// without touching the machine, so that it can be shown; carried out by run().
import { WharfError } from "../../common/errors.ts";
import type { Trace } from "../sys/trace.ts";

export interface Step {
  /** The field of config.json: "mounts[3]", "linux.maskedPaths". */
  field: string;
  /** What is done, as a verb phrase: "mount proc on /proc". */
  name: string;
  run(): void;
  /** For who wants to be shown more: the parts of it, each with its own field. Asked for by `runt plan` alone. */
  parts?(): Part[];
}

export type Part = readonly [field: string, name: string];

/** A step's failure names its field and what was tried, with the kernel's answer as cause. */
function failure(step: Step, cause: unknown): WharfError {
  const error = WharfError.from(cause);
  if (error.message.startsWith(step.field)) return error;
  return new WharfError(error.code, `${step.field}: cannot ${step.name}`, {
    operation: step.name,
    subject: step.field,
    errno: error.errno,
    cause,
  });
}

/** Carries out the steps in order; the first failure ends it. With a trace each is a span. */
export function run(steps: readonly Step[], trace: Trace | undefined): void {
  for (let i = 0; i < steps.length; i++) {
    const step = steps[i]!;
    try {
      if (trace) trace.span(step.name, { field: step.field }, step.run);
      else step.run();
    } catch (cause) {
      throw failure(step, cause);
    }
  }
}
