// The process of a container's configuration, from the image and the flags.
import { cut } from "../../common/cli/flags.ts";
import type { ImageConfig } from "../../common/oci/image.ts";
import type { Process } from "../../common/oci/runtime.ts";
import { resolveUser, type UserFiles } from "../../common/oci/user.ts";
import { usage } from "./ctr.ts";

const PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Later variables replace earlier ones of the same name; a name alone removes it. */
export function mergeEnv(before: readonly string[], more: readonly string[]): string[] {
  const merged = new Map(before.map((entry) => [cut(entry, "=")[0], entry]));
  for (const entry of more) {
    const [name, value] = cut(entry, "=");
    if (value === undefined) merged.delete(name);
    else merged.set(name, entry);
  }
  return [...merged.values()];
}

/** Lines of an environment file, NAME=VALUE, as they stand there; one without "=", as a comment or an empty one, names no variable. */
export function envFile(text: string): string[] {
  return text.split(/\r?\n/).filter((line) => line !== "");
}

export function applyImage(process: Process, config: ImageConfig, args: readonly string[], files: UserFiles): void {
  const { Env, Entrypoint, Cmd, WorkingDir, User } = config.config ?? {};
  process.env = mergeEnv(Env ?? [], process.env ?? []);
  if (!process.env.some((entry) => entry.startsWith("PATH="))) process.env.unshift(PATH);
  const own = args.length > 0 ? args : (Cmd ?? []);
  process.args = [...(Entrypoint ?? []), ...own];
  process.cwd = WorkingDir || "/";
  process.user = resolveUser(User ?? "", files);
}

export function addCapabilities(process: Process, add: readonly string[], drop: readonly string[]): void {
  for (const name of [...add, ...drop]) {
    if (!name.startsWith("CAP_")) throw usage(`capability ${JSON.stringify(name)} must begin with CAP_`);
  }
  const sets = process.capabilities!;
  for (const set of ["bounding", "effective", "permitted"] as const) {
    const names = new Set([...(sets[set] ?? []), ...add]);
    for (const name of drop) names.delete(name);
    sets[set] = [...names];
  }
}
