// Operation `pinUserNamespace`: keeps the user namespace of a network namespace by a file, for pods whose network was made in it.
import type { RequestOf } from "../../../common/agent/protocol.ts";
import { WharfError } from "../../../common/errors.ts";
import { sys } from "../../sys/call.ts";
import { close, Fd, fstat, O, open, unlink } from "../../sys/fs.ts";
import { NR } from "../../sys/nr.ts";

/** ioctl_ns(2): the user namespace that owns another namespace. */
const NS_GET_USERNS = 0xb701;
const MS_BIND = 4096;

export function pinUserNamespace({ netns, target }: RequestOf<"pinUserNamespace">): Record<never, never> {
  using network = new Fd(open(netns, O.RDONLY));
  using owner = new Fd(sys("find the user namespace of", netns, NR.ioctl, network.value, NS_GET_USERNS, 0));
  using own = new Fd(open("/proc/self/ns/user", O.RDONLY));
  if (fstat(owner.value).ino === fstat(own.value).ino) {
    throw new WharfError("FailedPrecondition", `the network namespace ${JSON.stringify(netns)} belongs to the host`, {
      subject: netns,
      hint: "make it inside the user namespace that is to have it",
    });
  }
  close(open(target, O.RDONLY | O.CREAT | O.EXCL, 0o444));
  try {
    sys("bind user namespace", target, NR.mount, `/proc/self/fd/${owner.value}`, target, 0, MS_BIND, 0);
  } catch (error) {
    unlink(target);
    throw error;
  }
  return {};
}
