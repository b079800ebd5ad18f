// "Did you mean": the nearest of the known words.

/** Edits (insert, delete, replace, swap neighbours) from one word to the other; more than `limit` are not counted out. */
export function distance(a: string, b: string, limit = 3): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1;
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replace = last[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      row[j] = Math.min(replace, last[j]! + 1, row[j - 1]! + 1);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        row[j] = Math.min(row[j]!, before[j - 2]! + 1);
    }
    before = last;
    last = row;
  }
  return last[b.length]!;
}

/** The known words that `word` was probably meant to be, best first, at most three. */
export function suggest(word: string, known: Iterable<string>): string[] {
  const limit = word.length <= 3 ? 1 : word.length <= 7 ? 2 : 3;
  const ranked: { name: string; rank: number }[] = [];
  for (const name of known) {
    if (name === word) continue;
    const edits = distance(word, name, limit);
    if (edits <= limit) ranked.push({ name, rank: edits });
    else if (word.length >= 2 && name.startsWith(word)) ranked.push({ name, rank: 2.5 });
  }
  return ranked
    .sort((a, b) => a.rank - b.rank || (a.name < b.name ? -1 : 1))
    .slice(0, 3)
    .map(({ name }) => name);
}
