/**
 * The passwd and group files of containers. The files of an image never change, so they are read once an image; a
 * container that has run may have changed its own.
 */

import { isCode } from "../../../common/errors.ts";
import type { User } from "../../../common/oci/runtime.ts";
import { resolveUser, type UserFiles } from "../../../common/oci/user.ts";
import type { Agent } from "../../agent/client.ts";
import type { Mount } from "../../containerd/api/types.ts";
import type { ContainerRecord } from "./record.ts";
import { NEVER } from "./record.ts";

/** Bytes of such a file that are read at most. */
const LIMIT = 1 << 20;
const CACHED = 128;

export class UserDatabase {
  readonly #agent: Pick<Agent, "readFile">;
  readonly #ofImage = new Map<string, Promise<UserFiles>>();

  constructor(agent: Pick<Agent, "readFile">) {
    this.#agent = agent;
  }

  /** `wanted` as numbers. `mounts` are the container's root file system. InvalidArgument for an unknown name. */
  async resolve(record: ContainerRecord, mounts: readonly Mount[], wanted: string): Promise<User> {
    const fresh = record.state.startedAt === NEVER && record.imageSnapshot !== "";
    const files = await (fresh ? this.#imageFiles(record.imageSnapshot, mounts) : this.#read(mounts));
    return resolveUser(wanted, files, record.hostConfig.GroupAdd ?? []);
  }

  #imageFiles(snapshot: string, mounts: readonly Mount[]): Promise<UserFiles> {
    let files = this.#ofImage.get(snapshot);
    if (!files) {
      if (this.#ofImage.size >= CACHED) this.#ofImage.delete(this.#ofImage.keys().next().value!);
      files = this.#read(mounts);
      this.#ofImage.set(snapshot, files);
      files.catch(() => this.#ofImage.delete(snapshot));
    }
    return files;
  }

  async #read(mounts: readonly Mount[]): Promise<UserFiles> {
    const tree = { mounts: readOnlyView(mounts) };
    const file = async (path: string) => {
      try {
        return Buffer.from(await this.#agent.readFile(tree, path, { maxSize: LIMIT })).toString("utf8");
      } catch (error) {
        // No such file, or no file: then there are no names.
        if (isCode(error, "NotFound", "FailedPrecondition", "InvalidArgument")) return "";
        throw error;
      }
    };
    const [passwd, group] = await Promise.all([file("/etc/passwd"), file("/etc/group")]);
    return { passwd, group };
  }
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
