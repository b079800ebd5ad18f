// Values of --security-opt; a seccomp profile is a file of the client's and travels with the request.
import { WharfError } from "../../errors.ts";

export interface Security {
  readonly options: string[];
  /** systempaths=unconfined: nothing masked, nothing read-only. */
  readonly unconfinedPaths: boolean;
}

export function securityOptions(texts: readonly string[], readText: (path: string) => string): Security {
  const options: string[] = [];
  let unconfinedPaths = false;
  for (const text of texts) {
    const match = /^([^=:]+)[=:](.*)$/s.exec(text);
    const key = match?.[1] ?? text;
    const value = match?.[2] ?? "";
    if (value === "" && key !== "no-new-privileges") {
      throw new WharfError("InvalidArgument", `--security-opt ${JSON.stringify(text)} has no value`, {
        operation: "usage",
        hint: "for example no-new-privileges, seccomp=unconfined, apparmor=PROFILE, label=disable",
      });
    }
    if (text === "systempaths=unconfined") unconfinedPaths = true;
    else if (key === "seccomp" && value !== "unconfined" && value !== "builtin")
      options.push(`seccomp=${profile(value, readText)}`);
    else options.push(text);
  }
  return { options, unconfinedPaths };
}

function profile(path: string, readText: (path: string) => string): string {
  const text = readText(path);
  try {
    return JSON.stringify(JSON.parse(text));
  } catch (cause) {
    throw new WharfError("InvalidArgument", `seccomp profile ${JSON.stringify(path)} is no JSON`, { cause });
  }
}
