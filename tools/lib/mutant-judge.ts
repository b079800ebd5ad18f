// What the tests said with a defence taken away, against what they should have said.

export interface Verdict {
  title: string;
  passed: boolean;
  /** Why it failed, in one line. */
  why: string;
}

/** The tests of a file by Node's TAP reporter. */
export function verdicts(tap: string): Verdict[] {
  const found: Verdict[] = [];
  for (const [, not, title, details] of tap.matchAll(/^(not )?ok \d+ - (.*)\n((?: {2}.*\n|\n)*)/gm)) {
    if (/ # SKIP/.test(title!)) continue;
    const why = /^ {2}error: (?:\|-\n\s*)?(.*)$/m.exec(details!)?.[1] ?? "";
    found.push({ title: title!.replaceAll("\\#", "#"), passed: !not, why });
  }
  return found;
}

/** What is wrong with them: empty when exactly the tests failed whose titles hold one of `fails`; those of `may` may. */
export function faults(found: readonly Verdict[], fails: readonly string[], may: readonly string[] = []): string[] {
  const wrong: string[] = [];
  if (found.length === 0) wrong.push("no test has run");
  for (const { title, passed, why } of found) {
    const expected = fails.some((part) => title.includes(part));
    if (expected && passed) wrong.push(`passes without the defence: ${title}`);
    if (!expected && !passed && !may.some((part) => title.includes(part)))
      wrong.push(`fails for another defence than its own: ${title}: ${why}`);
  }
  for (const part of fails)
    if (!found.some(({ title }) => title.includes(part))) wrong.push(`no test has ${part} in its title`);
  return wrong;
}
