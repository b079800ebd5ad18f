// Handing a seccomp listener to linux.seccomp.listenerPath (config-linux.md#containerprocessstate).
import type { LinuxSeccomp } from "../../common/oci/runtime.ts";
import { Fd } from "../sys/fs.ts";
import { connectUnix, sendFds } from "../sys/socket.ts";
import type { StateOfContainer } from "./hooks.ts";

export function sendSeccompListener(seccomp: LinuxSeccomp, listener: number, state: StateOfContainer): void {
  using socket = new Fd(connectUnix(seccomp.listenerPath!));
  const message = {
    ociVersion: state.ociVersion,
    fds: ["seccompFd"],
    pid: state.pid ?? 0,
    metadata: seccomp.listenerMetadata,
    state,
  };
  sendFds(socket.value, native.bytes(JSON.stringify(message)), [listener]);
}
