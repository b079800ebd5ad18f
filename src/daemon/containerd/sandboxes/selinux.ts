/**
 * SELinux labels for containers, as the host's policy has them: the type of its containers, each with categories of its own
 * (github.com/opencontainers/selinux is what containerd asks). Where the kernel has no SELinux there are none, whatever is asked for.
 */

import { randomInt } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { WharfError } from "../../../common/errors.ts";
import type { SELinuxOption } from "../../../common/gen/cri/sandbox-config.ts";

export interface SelinuxLabels {
  process: string;
  mount: string;
}

/** What the policy calls containers: its file of contexts, by key (`process`, `file`, `kvm_process`). */
export type SelinuxContexts = ReadonlyMap<string, string>;

const CATEGORIES = 1024;
const LEVEL = /^s\d(-s\d)?(:c\d{1,4}(\.c\d{1,4})?(,c\d{1,4}(\.c\d{1,4})?)*)?$/;

/** Undefined where SELinux is not enabled. `root` is that of the host's files. */
export function selinuxContexts(root = "/"): SelinuxContexts | undefined {
  if (!existsSync(join(root, "sys/fs/selinux/enforce"))) return undefined;
  const [, type = "targeted"] = /^\s*SELINUXTYPE\s*=\s*(\S+)/m.exec(read(join(root, "etc/selinux/config")) ?? "") ?? [];
  const file = ["usr/share/containers/selinux/contexts", `etc/selinux/${type}/contexts/lxc_contexts`];
  const text = file.map((path) => read(join(root, path))).find((one) => one !== undefined);
  return parseContexts(text ?? "");
}

function read(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, "utf8") : undefined;
}

/** `key = "user:role:type:level"`, with comments after `#` or `;` at a line's begin. */
function parseContexts(text: string): SelinuxContexts {
  const contexts = new Map<string, string>();
  for (const line of text.split("\n")) {
    const [, key, value] = /^\s*([^#;\s][^=]*?)\s*=\s*"?(.*?)"?\s*$/.exec(line) ?? [];
    if (key !== undefined && value) contexts.set(key, value);
  }
  return contexts;
}

/** InvalidArgument for a level that SELinux cannot read; looked at on every host. */
export function checkSelinux({ level }: SELinuxOption): void {
  if (level === "" || LEVEL.test(level)) return;
  throw new WharfError("InvalidArgument", `${JSON.stringify(level)} is no level of SELinux`, {
    hint: "write it as s0:c1,c2",
  });
}

/**
 * The labels of one more container, none where the policy knows of no containers. `taken` are levels that others have; `kvm` asks for the type
 * of virtual machines.
 */
export function selinuxLabels(
  contexts: SelinuxContexts,
  asked: Partial<SELinuxOption>,
  taken: ReadonlySet<string>,
  kvm = false,
): SelinuxLabels {
  const [process, mount] = [contexts.get("process"), contexts.get("file")].map((text) => text && parse(text));
  if (!process || !mount) return { process: "", mount: "" };
  if (process.level !== "") process.level = mount.level = freeLevel(taken);
  const { user = "", role = "", type = "", level = "" } = asked;
  if (user !== "") process.user = mount.user = user;
  if (role !== "") process.role = role;
  if (type !== "") process.type = type;
  if (level !== "") process.level = mount.level = level;
  if (kvm) process.type = parse(contexts.get("kvm_process") ?? contexts.get("process")!).type;
  return { process: format(process), mount: format(mount) };
}

/** The level of a label, which may hold colons itself. */
export function levelOf(label: string): string {
  return parse(label).level;
}

function parse(label: string): SELinuxOption {
  const [user = "", role = "", type = "", ...level] = label.split(":");
  return { user, role, type, level: level.join(":") };
}

function format({ user, role, type, level }: SELinuxOption): string {
  return [user, role, type, ...(level === "" ? [] : [level])].join(":");
}

/** Two categories that no other has together. */
function freeLevel(taken: ReadonlySet<string>): string {
  const pairs = CATEGORIES * CATEGORIES;
  const start = randomInt(pairs);
  for (let i = start; i < start + pairs; i++) {
    const [one, other] = [Math.floor((i % pairs) / CATEGORIES), i % CATEGORIES];
    const level = `s0:c${one},c${other}`;
    if (one < other && !taken.has(level)) return level;
  }
  throw new WharfError("ResourceExhausted", "all categories of SELinux are taken");
}
