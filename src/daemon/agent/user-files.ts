/** The passwd and group files of a root file system that is not mounted anywhere. */

import { isCode } from "../../common/errors.ts";
import type { UserFiles } from "../../common/oci/user.ts";
import type { AgentClient } from "../containerd/agent.ts";
import type { Mount } from "../containerd/api/types.ts";

/** Bytes of such a file that are read at most. */
const LIMIT = 1 << 20;

/** A file that is not there, or is none, has no names in it. */
export async function readUserFiles(
  agent: Pick<AgentClient, "readFile">,
  mounts: readonly Mount[],
): Promise<UserFiles> {
  const tree = { mounts: readOnlyView(mounts) };
  const file = async (path: string) => {
    try {
      return Buffer.from(await agent.readFile(tree, path, { maxSize: LIMIT })).toString("utf8");
    } catch (error) {
      if (isCode(error, "NotFound", "FailedPrecondition", "InvalidArgument")) return "";
      throw error;
    }
  };
  const [passwd, group] = await Promise.all([file("/etc/passwd"), file("/etc/group")]);
  return { passwd, group };
}

/**
 * The same tree for reading only. An overlay's upper directory must not be mounted as such twice, so it becomes the topmost
 * lower one.
 */
export function readOnlyView(mounts: readonly Mount[]): Mount[] {
  return mounts.map((mount) => {
    if (mount.type !== "overlay") return { ...mount, options: [...mount.options.filter((one) => one !== "rw"), "ro"] };
    const upper = mount.options.find((option) => option.startsWith("upperdir="))?.slice("upperdir=".length);
    const options = mount.options
      .filter((option) => !option.startsWith("upperdir=") && !option.startsWith("workdir=") && option !== "rw")
      .map((option) =>
        option.startsWith("lowerdir=") && upper !== undefined
          ? `lowerdir=${upper}:${option.slice("lowerdir=".length)}`
          : option,
      );
    return { ...mount, options: [...options, "ro"] };
  });
}
