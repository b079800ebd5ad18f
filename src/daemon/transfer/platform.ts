/** The platform of the machine this daemon runs on. */

import { normalizePlatform, type Platform } from "../../common/oci/platform.ts";

/** Node's names where they differ from Go's. */
const ARCHITECTURES: Readonly<Record<string, string>> = {
  x64: "amd64",
  ia32: "386",
  ppc64: "ppc64le",
  mipsel: "mipsle",
};

export function hostPlatform(): Platform {
  return normalizePlatform({ os: process.platform, architecture: ARCHITECTURES[process.arch] ?? process.arch });
}
