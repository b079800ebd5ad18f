/**
 * The passwd and group files of containers. The files of an image never change, so they are read once an image; a
 * container that has run may have changed its own.
 */

import type { User } from "../../../common/oci/runtime.ts";
import { resolveUser, type UserFiles } from "../../../common/oci/user.ts";
import type { Agent } from "../../agent/client.ts";
import { readUserFiles } from "../../agent/user-files.ts";
import type { Mount } from "../../containerd/api/types.ts";
import type { ContainerRecord } from "./record.ts";
import { NEVER } from "./record.ts";

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
    const files = await (fresh ? this.#imageFiles(record.imageSnapshot, mounts) : readUserFiles(this.#agent, mounts));
    return resolveUser(wanted, files, record.hostConfig.GroupAdd ?? []);
  }

  #imageFiles(snapshot: string, mounts: readonly Mount[]): Promise<UserFiles> {
    let files = this.#ofImage.get(snapshot);
    if (!files) {
      if (this.#ofImage.size >= CACHED) this.#ofImage.delete(this.#ofImage.keys().next().value!);
      files = readUserFiles(this.#agent, mounts);
      this.#ofImage.set(snapshot, files);
      files.catch(() => this.#ofImage.delete(snapshot));
    }
    return files;
  }
}
