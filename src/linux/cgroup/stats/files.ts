// The small files that statistics are read from.
import { isErrno } from "../../sys/call.ts";
import { readDir, readText } from "../../sys/fs.ts";

/** What stands for "max": all bits set. */
export const UNLIMITED = 18446744073709551615n;

/** Undefined where the kernel, or this group, has no such file. */
export function read(path: string): string | undefined {
  try {
    return readText(path).trim();
  } catch (error) {
    if (isErrno(error, "ENOENT", "EOPNOTSUPP", "ENODEV", "ENOTDIR")) return undefined;
    throw error;
  }
}

export function toBigint(word: string | undefined): bigint {
  if (word === "max") return UNLIMITED;
  return word !== undefined && /^-?\d+$/.test(word) ? BigInt(word) : 0n;
}

export const number = (path: string): bigint => toBigint(read(path));

/** "name value" lines. */
export function table(path: string): Record<string, bigint> {
  const values: Record<string, bigint> = {};
  for (const line of read(path)?.split("\n") ?? []) {
    const [name, value] = line.split(/\s+/);
    if (name) values[name] = toBigint(value);
  }
  return values;
}

/** The page sizes of this kernel as hugetlb's files name them: "2MB", "1GB". */
export function pageSizes(): string[] {
  let names: string[];
  try {
    names = readDir("/sys/kernel/mm/hugepages").map(({ name }) => name);
  } catch {
    return [];
  }
  return names.sort().map((name) => {
    let size = Number(/\d+/.exec(name)?.[0] ?? 0);
    let unit = 0;
    for (; size >= 1024 && unit < 2; unit++) size /= 1024;
    return `${size}${["KB", "MB", "GB"][unit]}`;
  });
}

/** "0-2,5" as numbers. */
export function listOf(text: string | undefined): number[] {
  const out: number[] = [];
  for (const part of text?.split(",") ?? []) {
    const [first, last = first] = part.split("-");
    if (!first) continue;
    for (let i = Number(first); i <= Number(last); i++) out.push(i);
  }
  return out;
}
