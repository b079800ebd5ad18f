// The mark of a test run: what a test makes outside its TMPDIR carries it in its name, so that the leak check knows whose it is.

/** The run's mark, `wt` and six letters or digits; `wtlocal` when a test file is run by itself. */
export function runMark(): string {
  return process.env.WHARF_TEST_RUN ?? "wtlocal";
}

export function newRunMark(): string {
  return `wt${Math.random().toString(36).slice(2, 8).padEnd(6, "0")}`;
}

let count = 0;

/** A mark for a run within this one: for tests of the leak check itself. It begins with the outer run's, to which all of it is known. */
export function innerMark(): string {
  return `${runMark()}${(count++).toString(36).padStart(2, "0")}`;
}

/** A name nobody else uses: for containers, cgroups, tables, namespaces. */
export function uniqueName(stem: string): string {
  return `${runMark()}-${stem}-${process.pid.toString(36)}${count++}`;
}

/** A network device's name (15 characters at most) with the run's mark. */
export function uniqueDevice(): string {
  return `${runMark()}${(process.pid % 1296).toString(36)}${(count++).toString(36)}`.slice(0, 15);
}
