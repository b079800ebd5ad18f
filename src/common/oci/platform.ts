/**
 * Platforms: `os/architecture/variant`, their normal form, and which of several an image's platform suits best.
 *
 * The rules are containerd's (github.com/containerd/platforms): a machine also runs its predecessors' programs.
 */

import { WharfError } from "../errors.ts";

/** OCI image index, `platform` of a descriptor. */
export interface Platform {
  architecture: string;
  os: string;
  "os.version"?: string;
  "os.features"?: string[];
  variant?: string;
}

const SYSTEMS = new Set(
  "aix android darwin dragonfly freebsd hurd illumos ios js linux nacl netbsd openbsd plan9 solaris wasip1 windows zos".split(
    " ",
  ),
);
const ARCHITECTURES = new Set(
  (
    "386 amd64 amd64p32 arm armbe arm64 arm64be ppc64 ppc64le loong64 mips mipsle mips64 mips64le mips64p32 mips64p32le " +
    "ppc riscv riscv64 s390 s390x sparc sparc64 wasm"
  ).split(" "),
);
const PART = /^[A-Za-z0-9_.-]+$/;

/**
 * Parses `os/arch[/variant]`, or one of `os` and `arch` alone, which takes the rest from `host`.
 * @throws WharfError InvalidArgument
 */
export function parsePlatform(text: string, host: Platform): Platform {
  const fail = (why: string): never => {
    throw new WharfError("InvalidArgument", `invalid platform ${JSON.stringify(text)}: ${why}`, {
      operation: "parse platform",
      subject: text,
      hint: "write os/architecture or os/architecture/variant, for example linux/arm64",
    });
  };
  const parts = text.split("/");
  if (parts.length > 3) fail("it has more than three parts");
  for (const part of parts)
    if (!PART.test(part)) fail(part === "" ? "a part is empty" : `${JSON.stringify(part)} is no name`);
  const [first, second, third] = parts as [string, string | undefined, string | undefined];
  if (second !== undefined) {
    return normalizePlatform(withVariant({ os: first, architecture: second }, third));
  }
  const os = normalOs(first);
  if (SYSTEMS.has(os))
    return normalizePlatform({ ...withVariant({ os, architecture: host.architecture }, host.variant) });
  const alone = normalizePlatform({ os: host.os, architecture: first });
  if (!ARCHITECTURES.has(alone.architecture))
    fail("neither an operating system nor an architecture is known by this name");
  return alone;
}

/** `linux/arm/v7`. */
export function formatPlatform(platform: Platform): string {
  const parts = [platform.os || "unknown", platform.architecture || "unknown"];
  if (platform.variant) parts.push(platform.variant);
  return parts.join("/");
}

/** Go's names for what the kernel calls itself (`uname -m`), and the variants that go without saying left out. */
export function normalizePlatform(platform: Platform): Platform {
  const { variant: _, ...rest } = platform;
  const { architecture, variant } = normalArchitecture(platform.architecture, platform.variant ?? "");
  return withVariant({ ...rest, os: normalOs(platform.os), architecture }, variant);
}

function normalOs(os: string): string {
  const name = os.toLowerCase();
  return name === "macos" ? "darwin" : name;
}

function normalArchitecture(name: string, given: string): { architecture: string; variant: string } {
  const variant = given.toLowerCase();
  switch (name.toLowerCase()) {
    case "i386":
    case "i486":
    case "i586":
    case "i686":
      return { architecture: "386", variant: "" };
    case "x86_64":
    case "x86-64":
    case "amd64":
      return { architecture: "amd64", variant: variant === "v1" ? "" : variant };
    case "aarch64":
    case "arm64":
      return { architecture: "arm64", variant: variant === "8" || variant === "v8" ? "" : variant };
    case "armhf":
      return { architecture: "arm", variant: "v7" };
    case "armel":
      return { architecture: "arm", variant: "v6" };
    case "armv7l":
      return { architecture: "arm", variant: "v7" };
    case "armv6l":
      return { architecture: "arm", variant: "v6" };
    case "arm":
      if (variant === "") return { architecture: "arm", variant: "v7" };
      return { architecture: "arm", variant: /^[5-8]$/.test(variant) ? `v${variant}` : variant };
    default:
      return { architecture: name.toLowerCase(), variant };
  }
}

function withVariant(platform: Platform, variant: string | undefined): Platform {
  return variant ? { ...platform, variant } : platform;
}

/** What a machine of this platform can run, the best first: arm/v7 also runs v6 and v5, amd64 also 386. */
export function compatiblePlatforms(platform: Platform): Platform[] {
  const wanted = normalizePlatform(platform);
  const as = (architecture: string, variant: string): Platform => {
    const { variant: _, ...rest } = wanted;
    return withVariant({ ...rest, architecture }, variant);
  };
  const arm = (version: number): Platform[] => {
    const list = [];
    for (let at = version; at >= 5; at--) list.push(as("arm", `v${at}`));
    return list;
  };
  const number = Number(/^v(\d+)$/.exec(wanted.variant ?? "")?.[1] ?? Number.NaN);
  switch (wanted.architecture) {
    case "amd64": {
      const list = [wanted];
      for (let at = number - 1; at >= 1; at--) list.push(as("amd64", at === 1 ? "" : `v${at}`));
      return [...list, as("386", "")];
    }
    case "arm":
      return number > 5 && number <= 8 ? arm(number) : [wanted];
    case "arm64":
      return [...arm64Variants(wanted.variant ?? "").map((variant) => as("arm64", variant)), ...arm(8)];
    default:
      return [wanted];
  }
}

/** v9.n runs what v8.(n+5) runs (Arm ARM, A3.1); within a major version every lower minor. */
function arm64Variants(variant: string): string[] {
  const match = /^v([89])(?:\.(\d))?$/.exec(variant);
  if (!match) return variant === "" ? [""] : [variant, ""];
  const minor = Number(match[2] ?? 0);
  const list: string[] = [];
  const down = (major: number, from: number): void => {
    for (let at = from; at >= 0; at--) list.push(at > 0 ? `v${major}.${at}` : major === 8 ? "" : `v${major}`);
  };
  if (match[1] === "9") down(9, minor);
  down(8, match[1] === "9" ? minor + 5 : minor);
  return list;
}

/** True when `candidate` runs on a machine of platform `wanted`. */
export function platformMatches(wanted: Platform, candidate: Platform): boolean {
  return rank(compatiblePlatforms(wanted), candidate) >= 0;
}

function rank(compatible: Platform[], candidate: Platform): number {
  const normal = normalizePlatform(candidate);
  return compatible.findIndex(
    (one) =>
      one.os === normal.os &&
      one.architecture === normal.architecture &&
      (one.variant ?? "") === (normal.variant ?? ""),
  );
}

/**
 * The candidate that suits `wanted` best; of equals the first. Undefined when none fits. A candidate without a
 * platform never fits.
 */
export function selectPlatform<T extends { platform?: Platform | undefined }>(
  wanted: Platform,
  candidates: readonly T[],
): T | undefined {
  const compatible = compatiblePlatforms(wanted);
  let best: T | undefined;
  let bestRank = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    if (!candidate.platform) continue;
    const at = rank(compatible, candidate.platform);
    if (at >= 0 && at < bestRank) {
      best = candidate;
      bestRank = at;
    }
  }
  return best;
}
