// Sources of bind mounts that lie in the container's own root: what they show depends on the mounts made before. Where the
// container's process lacks the host's rights, the runtime goes into its mount namespace to copy them.
import { errorToData, WharfError } from "../../common/errors.ts";
import type { Mount } from "../../common/oci/runtime.ts";
import { sys } from "../sys/call.ts";
import { close, Fd, O, open } from "../sys/fs.ts";
import { NR } from "../sys/nr.ts";
import { CLONE, clone, exit, wait } from "../sys/process.ts";
import { openProcLink } from "../sys/procfs.ts";
import { socketPair } from "../sys/socket.ts";
import { Channel, type FromInit, failure } from "./channel.ts";
import type { InitPlan } from "./init.ts";
import { placeInRoot, prepareBind } from "./mounts.ts";

/** The copy of mounts[index] as it is in the container's mount namespace now, as a descriptor. */
export function copyFromContainer(plan: InitPlan, pid: number, index: number): number {
  const entry = plan.spec.mounts![index]!;
  using namespace = new Fd(openProcLink(`${pid}/ns/mnt`));
  const [ours, theirs] = socketPair();
  const child = clone(0);
  if (child.pid === 0) {
    close(ours);
    copyAndTell(plan, entry, namespace.value, plan.mappings.get(index), new Channel(theirs));
  }
  close(theirs);
  close(child.pidfd);
  using channel = new Channel(ours);
  const got = channel.receive<FromInit>();
  wait(child.pid);
  if (got?.message.type === "error") throw failure(got.message);
  if (got?.fd !== undefined) return got.fd;
  throw new WharfError("Unknown", `mounts[${index}]: the process that copies its source ended early`);
}

function copyAndTell(
  plan: InitPlan,
  entry: Mount,
  namespace: number,
  userns: number | undefined,
  channel: Channel,
): never {
  try {
    sys("enter the container's mount namespace", undefined, NR.setns, namespace, CLONE.NEWNS);
    const inside = { root: open(plan.rootfs, O.PATH | O.DIRECTORY), path: placeInRoot(entry, plan.rootfs)! };
    const tree = prepareBind(entry, { bundle: plan.bundle, linux: plan.spec.linux, inside, userns });
    channel.send({ type: "tree", index: 0 }, tree);
  } catch (error) {
    channel.send({ type: "error", error: errorToData(error) });
  }
  exit(0);
}
