// Where systemd keeps a container's cgroup: the scope that linux.cgroupsPath "slice:prefix:name" names, and its folders.
import { WharfError } from "../../../common/errors.ts";

/** Kept with a container's cgroup: the unit that holds it. */
export interface ScopeUnit {
  unit: string;
  slice: string;
  /** The user's manager has it, not the system's. */
  user: boolean;
}

const SUFFIX = ".slice";

function badSlice(slice: string): WharfError {
  return new WharfError("InvalidArgument", `linux.cgroupsPath: ${JSON.stringify(slice)} is no name of a slice`, {
    hint: "as in machine.slice or kubepods-burstable.slice; see: man systemd.slice",
  });
}

/** A slice's folder: dashes in its name stand for the tree (a-b.slice is /a.slice/a-b.slice). */
export function sliceFolder(slice: string): string {
  if (!slice.endsWith(SUFFIX) || slice.length === SUFFIX.length || slice.includes("/")) throw badSlice(slice);
  const name = slice.slice(0, -SUFFIX.length);
  if (name === "-") return "";
  let folder = "";
  let prefix = "";
  for (const part of name.split("-")) {
    if (part === "") throw badSlice(slice);
    folder += `/${prefix}${part}${SUFFIX}`;
    prefix += `${part}-`;
  }
  return folder;
}

/** The scope of a container. Without cgroupsPath: runt-ID.scope, where the manager puts what has no slice. */
export function scopeOf(cgroupsPath: string | undefined, id: string, user: boolean): ScopeUnit {
  const usual = user ? "user.slice" : "system.slice";
  const parts = cgroupsPath === undefined ? ["", "runt", id] : cgroupsPath.split(":");
  const [slice = "", prefix = "", name = ""] = parts;
  if (parts.length !== 3 || name === "") {
    throw new WharfError(
      "InvalidArgument",
      `linux.cgroupsPath ${JSON.stringify(cgroupsPath)} is not of the form slice:prefix:name, which systemd's driver wants`,
      {
        subject: "linux.cgroupsPath",
        hint: "the caller uses cgroupfs: leave out --systemd-cgroup, or set it to systemd",
      },
    );
  }
  if (name.endsWith(SUFFIX)) {
    throw new WharfError("InvalidArgument", `linux.cgroupsPath: a container cannot be the slice ${name} itself`);
  }
  const scope = { unit: `${prefix}-${name}.scope`, slice: slice || usual, user };
  sliceFolder(scope.slice);
  return scope;
}
