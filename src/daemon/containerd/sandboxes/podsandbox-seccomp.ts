/** The seccomp profile of the container that holds a pod, as CRI names it. */

import { readFileSync } from "node:fs";
import { isAbsolute } from "node:path";
import { WharfError } from "../../../common/errors.ts";
import {
  type LinuxSandboxSecurityContext,
  SecurityProfile_ProfileType as ProfileType,
  SecurityProfile,
} from "../../../common/gen/cri/sandbox-config.ts";
import type { LinuxSeccomp } from "../../../common/oci/runtime.ts";
import { faultOf, SECCOMP_SHAPE } from "../../../common/oci/runtime-shape.ts";
import { defaultSeccomp } from "../../../common/oci/seccomp-default.ts";
import { create } from "../../../common/protobuf/codec.ts";

const LOCAL = "localhost/";

/** Undefined for unconfined. InvalidArgument for a profile that says nothing, NotFound for a file that is not there. */
export function seccompOf(context: LinuxSandboxSecurityContext | undefined): LinuxSeccomp | undefined {
  if (!context || context.privileged) return undefined;
  const profile = context.seccomp ?? named(context.seccompProfilePath);
  if (!profile) return undefined;
  const { profileType, localhostRef } = profile;
  if (profileType === ProfileType.Localhost) return readProfile(localhostRef.replace(LOCAL, ""));
  if (localhostRef !== "") throw wrong(`${JSON.stringify(localhostRef)} names a file, but the type is not Localhost`);
  if (profileType === ProfileType.Unconfined) return undefined;
  if (profileType !== ProfileType.RuntimeDefault) throw wrong(`there is no type ${profileType}`);
  // The holder has no capabilities.
  return defaultSeccomp([], process.arch);
}

/** The older field's way of saying it. */
function named(path: string): SecurityProfile | undefined {
  const profile = (profileType: number, localhostRef = "") => create(SecurityProfile, { profileType, localhostRef });
  if (path === "") return undefined;
  if (path === "runtime/default" || path === "docker/default") return profile(ProfileType.RuntimeDefault);
  if (path === "unconfined") return profile(ProfileType.Unconfined);
  if (path.startsWith(LOCAL)) return profile(ProfileType.Localhost, path);
  throw wrong(`${JSON.stringify(path)} is none of runtime/default, unconfined and localhost/PATH`);
}

/** In the form of config.json's linux.seccomp. */
function readProfile(path: string): LinuxSeccomp {
  if (!isAbsolute(path)) throw wrong(`${JSON.stringify(path)} is no absolute path`);
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code === "ENOENT" ? "NotFound" : "InvalidArgument";
    throw new WharfError(code, `cannot read the pod's seccomp profile ${JSON.stringify(path)}`, {
      subject: path,
      cause,
    });
  }
  let profile: unknown;
  try {
    profile = JSON.parse(text);
  } catch (cause) {
    throw wrong(`${path} is no JSON`, cause);
  }
  const fault = faultOf(SECCOMP_SHAPE, profile);
  if (fault) throw wrong(`${path}${fault.path}: ${fault.why}`);
  if (!(profile as Partial<LinuxSeccomp>).defaultAction) throw wrong(`${path} has no defaultAction`);
  return profile as LinuxSeccomp;
}

function wrong(what: string, cause?: unknown): WharfError {
  return new WharfError("InvalidArgument", `the pod's seccomp profile: ${what}`, { cause });
}
