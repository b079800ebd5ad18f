// What a test came to, and how the native host's TAP is read as such.

export interface Outcome {
  name: string;
  passed: boolean;
  /** Set when the test was skipped: the reason, empty when none was given. */
  skipped?: string;
  error?: string;
  /** How long it took, where that is known. */
  seconds?: number;
}

/** Reads the flat TAP of src/linux/testing.ts; comment lines after a failure are its error. */
export function parseTap(text: string): { outcomes: Outcome[]; planned: number | undefined } {
  const outcomes: Outcome[] = [];
  let planned: number | undefined;
  for (const line of text.split("\n")) {
    const plan = /^1\.\.(\d+)$/.exec(line);
    if (plan) planned = Number(plan[1]);
    const result = /^(not )?ok \d+ - (.*?)(?: # SKIP(?: (.*))?)?$/.exec(line);
    const last = outcomes.at(-1);
    if (result) {
      const outcome: Outcome = { name: result[2]!, passed: !result[1] };
      if (/ # SKIP/.test(line)) outcome.skipped = result[3] ?? "";
      outcomes.push(outcome);
    } else if (line.startsWith("# ") && last && !last.passed) {
      last.error = last.error === undefined ? line.slice(2) : `${last.error}\n${line.slice(2)}`;
    }
  }
  return { outcomes, planned };
}

export interface End {
  /** Empty after a clean end. */
  status: string;
  planned?: number | undefined;
  /** Only some tests were asked for: a file may have none of them. */
  only?: boolean;
}

/**
 * The rules every file is held to, whatever ran it: a skip has a reason, some test ran, and a program that failed without a
 * failed test to show for it is a failure of its own.
 */
export function judge(outcomes: readonly Outcome[], end: End): Outcome[] {
  const judged = outcomes.map((outcome) =>
    outcome.skipped === "" ? { name: outcome.name, passed: false, error: "skipped without a reason" } : outcome,
  );
  const failed = judged.some((outcome) => !outcome.passed);
  const problem = (error: string) => judged.push({ name: "the file itself", passed: false, error });
  // a runner with failed tests ends with 1: only what goes beyond that is news
  if (end.status !== "" && !(failed && end.status === "exit code 1")) problem(end.status);
  else if (end.planned !== undefined && outcomes.length < end.planned && !failed)
    problem(`${end.planned} tests were planned, ${outcomes.length} ran`);
  else if (outcomes.length === 0 && end.status === "" && !end.only) problem("has no tests");
  return judged;
}
