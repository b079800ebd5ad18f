// Checkpoints as the task service has them: what they keep, and where criu works.
import { WharfError } from "../../common/errors.ts";
import { CheckpointOptions } from "../../common/gen/containerd/runc/options.ts";
import type { CheckpointTaskRequest } from "../../common/gen/containerd/task/v2.ts";
import { anyName } from "../../common/protobuf/any.ts";
import { decode } from "../../common/protobuf/codec.ts";
import { readDir, rmdir, unlinkIfThere } from "../sys/fs.ts";
import type { CheckpointRequest } from "./runtime.ts";

export function readCheckpoint({ path, options }: CheckpointTaskRequest): CheckpointRequest {
  if (options && options.value.length > 0 && anyName(options) !== CheckpointOptions.typeName) {
    throw new WharfError("InvalidArgument", `checkpoint options of type ${JSON.stringify(options.typeUrl)}`, {
      hint: `they are ${CheckpointOptions.typeName}`,
    });
  }
  const read = decode(CheckpointOptions, options?.value ?? new Uint8Array(0));
  const imagePath = path || read.imagePath;
  if (imagePath === "") throw new WharfError("InvalidArgument", "a checkpoint needs a path for its images");
  return { ...read, imagePath };
}

/** A bundle's own folder for criu's work is there as long as that; after a failure its log stays. */
export function ownWork<T>(bundle: string, given: string, work: (path: string) => T): T {
  if (given !== "") return work(given);
  const path = `${bundle}/criu-work`;
  const result = work(path);
  for (const { name } of readDir(path)) unlinkIfThere(`${path}/${name}`);
  rmdir(path);
  return result;
}
