/** --init: process 1 of a container is our own small init, which is mounted into it. */

import { realpathSync } from "node:fs";
import type { Mount } from "../../../common/oci/runtime.ts";
import { defaultBinary } from "../../agent/process.ts";

export const INIT_NAME = "docker-init";
/** Where dockerd has it; the program knows by this name what it is to do. */
export const INIT_PATH = `/sbin/${INIT_NAME}`;

/** The program that all of the linux world is in; read-only, so that nobody inside can change it. */
export function initMount(): Mount {
  const options = ["bind", "ro", "nosuid", "nodev", "rprivate"];
  return { destination: INIT_PATH, type: "bind", source: realpathSync(defaultBinary()), options };
}
