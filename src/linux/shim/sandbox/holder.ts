// The process that holds a sandbox's namespaces open: a fork that does nothing, in place of a pause container.
import type { CreateSandboxRequest } from "../../../common/gen/containerd/sandbox/runtime.ts";
import { applySysctls } from "../../runt/sysctl.ts";
import { sys } from "../../sys/call.ts";
import { Fd, O, open } from "../../sys/fs.ts";
import { NAMESPACE_FLAG, setns, unshare } from "../../sys/namespaces.ts";
import { NR } from "../../sys/nr.ts";
import { CLONE, clone, PR, prctl, SIGNALS } from "../../sys/process.ts";
import { closeRange } from "../../sys/procfs.ts";
import { writeSandbox } from "../bundle.ts";
import { joinCgroup } from "../cgroup.ts";
import { inChild } from "../child.ts";
import type { Reaper } from "../reaper.ts";
import { planOf } from "./plan.ts";

/** SIG_IGN as struct sigaction has it: for SIGCHLD it means that the kernel reaps. In a pid namespace the holder is process 1, to which others are left. */
const IGNORE = new BigUint64Array([1n, 0n, 0n, 0n]);
const NAME = native.bytes("sandbox\0");

/** Does nothing until it is killed, by itself when the shim is no more. */
function holdForever(): never {
  prctl(PR.SET_PDEATHSIG, SIGNALS.KILL);
  closeRange(0);
  for (;;) native.syscall(NR.pause);
}

/** Starts the holder, which becomes the shim's child, in namespaces of its own; answers its pid and its group, "" for the shim's. */
export function startHolder(reaper: Reaper, request: CreateSandboxRequest): Promise<{ pid: number; cgroup: string }> {
  return inChild(reaper, () => {
    const { fresh, joined, hostname, sysctls, cgroup } = planOf(request);
    for (const { type, path } of joined) {
      using file = new Fd(open(path, O.RDONLY));
      setns(file.value, NAMESPACE_FLAG[type], path);
    }
    unshare(fresh.reduce((flags, type) => flags | NAMESPACE_FLAG[type], 0));
    if (hostname !== "") {
      const name = native.bytes(hostname);
      sys("set the hostname", hostname, NR.sethostname, name, name.length);
    }
    applySysctls(sysctls);
    // it is born with both: its pid may be told before it has had the processor
    prctl(PR.SET_NAME, NAME);
    native.syscall(NR.rt_sigaction, SIGNALS.CHLD, IGNORE, 0, 8);
    const { pid } = clone(CLONE.PARENT);
    if (pid === 0) holdForever();
    if (cgroup !== "") {
      writeSandbox(request.bundlePath, cgroup);
      joinCgroup(pid, cgroup);
    }
    return { pid, cgroup };
  });
}
