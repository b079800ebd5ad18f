// `delete`: cleans up after a shim that died, and answers how its container is taken to have ended.

import { describe } from "../../common/errors.ts";
import { DeleteResponse } from "../../common/gen/containerd/task/v2.ts";
import { encode } from "../../common/protobuf/codec.ts";
import { isErrno } from "../sys/call.ts";
import { close, readText, unlinkIfThere } from "../sys/fs.ts";
import { loop } from "../sys/loop.ts";
import { stderr } from "../sys/out.ts";
import { connectUnix } from "../sys/socket.ts";
import { readRecord, readSandbox } from "./bundle.ts";
import { removeCgroup } from "./cgroup.ts";
import { now } from "./clock.ts";
import { Reaper } from "./reaper.ts";
import { unmountAll } from "./rootfs.ts";
import { makeRuntime } from "./runtimes.ts";

/** 128 + SIGKILL: what a dead shim's container is taken to have ended with. */
const KILLED = 137;

function initPid(bundle: string): number {
  try {
    return Number(readText(`${bundle}/init.pid`)) || 0;
  } catch (error) {
    // its container was never made; what else keeps it from being read is told where the record is read
    if (!isErrno(error, "ENOENT")) stderr(`init.pid: ${describe(error)}\n`);
    return 0;
  }
}

/** The dead shim's socket; one that another shim of the group listens on is left alone. */
function removeSocket(bundle: string): void {
  let path: string;
  try {
    path = readText(`${bundle}/address`).replace(/^unix:\/\//, "");
  } catch (error) {
    if (isErrno(error, "ENOENT")) return;
    throw error;
  }
  try {
    close(connectUnix(path, true));
  } catch (error) {
    // only where nobody listens: one that hangs, with more connections than fit (EAGAIN), is there, and not waited for
    if (isErrno(error, "ECONNREFUSED")) unlinkIfThere(path);
    else if (!isErrno(error, "ENOENT", "EAGAIN")) throw error;
  }
}

/** Problems are told on stderr and end nothing: whatever can be cleaned up is. */
export function deleteShim(id: string, bundle: string): Uint8Array {
  const attempt = (what: string, run: () => void) => {
    try {
      run();
    } catch (error) {
      stderr(`${what}: ${describe(error)}\n`);
    }
  };
  const pid = initPid(bundle);
  attempt("delete container", () => {
    const record = readRecord(bundle);
    if (record) loop().run(makeRuntime(new Reaper(), record, { id, bundle }).delete(true));
  });
  attempt("unmount", () => unmountAll(`${bundle}/rootfs`));
  attempt("cgroup", () => {
    const cgroup = readSandbox(bundle);
    if (cgroup !== "") removeCgroup(cgroup, 1000);
  });
  attempt("socket", () => removeSocket(bundle));
  return encode(DeleteResponse, { pid, exitStatus: KILLED, exitedAt: now() });
}
