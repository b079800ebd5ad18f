// Reads the small files of cgroups: one number, "name number" lines, and tables by device.
import { isErrno } from "../sys/call.ts";
import { readDir } from "../sys/fs.ts";
import { readSmall } from "./io/scratch.ts";

/** What stands for "max": all bits set. */
const UNLIMITED = 18446744073709551615n;

/** Undefined where the kernel or this group has no such file. */
export function text(path: string): string | undefined {
  try {
    return readSmall(path).trim();
  } catch (error) {
    if (isErrno(error, "ENOENT", "EOPNOTSUPP", "ENODEV", "ENOTDIR")) return undefined;
    throw error;
  }
}

export function toBigint(field: string | undefined): bigint {
  if (field === "max") return UNLIMITED;
  return field !== undefined && /^\d+$/.test(field) ? BigInt(field) : 0n;
}

export function number(path: string): bigint {
  return toBigint(text(path));
}

/** "name value" lines. */
export function table(path: string): Map<string, bigint> {
  const values = new Map<string, bigint>();
  for (const line of text(path)?.split("\n") ?? []) {
    const [name, value] = line.split(/\s+/);
    if (name) values.set(name, toBigint(value));
  }
  return values;
}

/** Page sizes for which a folder has hugetlb files: "2MB", "1GB". */
export function pageSizes(folder: string, suffix: string): string[] {
  const found: string[] = [];
  for (const { name } of readDir(folder)) {
    if (name.startsWith("hugetlb.") && name.endsWith(suffix)) found.push(name.slice(8, -suffix.length));
  }
  return found.sort();
}

/** Device names by "major:minor", of /proc/partitions' form. */
export function deviceNames(): Map<string, string> {
  const names = new Map<string, string>();
  for (const line of text("/proc/partitions")?.split("\n") ?? []) {
    const [major, minor, , name] = line.trim().split(/\s+/);
    if (name && major !== "major") names.set(`${major}:${minor}`, `/dev/${name}`);
  }
  return names;
}

/** What stands for "max" in the 32 bits of RDMA's counters. */
const UNLIMITED_32 = 0xffffffff;

/** "mlx5_0 hca_handle=2 hca_object=max" lines: what each device has, or may have. */
export function rdma(path: string): { device: string; hcaHandles: number; hcaObjects: number }[] {
  const entries: { device: string; hcaHandles: number; hcaObjects: number }[] = [];
  for (const line of text(path)?.split("\n") ?? []) {
    const match = /^(\S+) hca_handle=(\d+|max) hca_object=(\d+|max)/.exec(line);
    if (!match) continue;
    const [hcaHandles, hcaObjects] = [match[2]!, match[3]!].map((one) => (one === "max" ? UNLIMITED_32 : Number(one)));
    entries.push({ device: match[1]!, hcaHandles: hcaHandles!, hcaObjects: hcaObjects! });
  }
  return entries;
}
