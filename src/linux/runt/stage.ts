// A process in between, for containers that join namespaces by path and have a user namespace: what is joined must be joined
// with the host's rights, before the user namespace is, and what is new must belong to the user namespace.
import { errorFromData, errorToData, WharfError } from "../../common/errors.ts";
import { close } from "../sys/fs.ts";
import { CLONE, type CloneResult, clone, exit, wait } from "../sys/process.ts";
import { socketPair } from "../sys/socket.ts";
import { Channel, type FromInit } from "./channel.ts";
import { enter, type NamespacePlan } from "./namespaces.ts";

export function needsStage({ own, join }: NamespacePlan): boolean {
  return own.has("user") && join.length > 0;
}

/** Makes the first process, which calls `life` and never returns. It is this process's child, or with CLONE.PARENT its parent's. */
export function makeInStage(namespaces: NamespacePlan, parent: number, life: () => never): CloneResult {
  const [ours, theirs] = socketPair();
  const stage = clone(parent);
  if (stage.pid === 0) {
    close(ours);
    using channel = new Channel(theirs);
    try {
      for (const { type, fd, path } of namespaces.join) enter(type, fd, path);
      // a sibling of this process, so a child of who called makeInStage, or of its parent
      const born = clone(namespaces.flags | CLONE.PARENT);
      if (born.pid === 0) {
        close(theirs);
        life();
      }
      channel.send({ type: "child", pid: born.pid }, born.pidfd);
    } catch (error) {
      channel.send({ type: "error", error: errorToData(error) });
    }
    exit(0);
  }
  close(theirs);
  using channel = new Channel(ours);
  const got = channel.receive<FromInit>();
  close(stage.pidfd);
  if (parent === 0) wait(stage.pid);
  if (got?.message.type === "child" && got.fd !== undefined) return { pid: got.message.pid, pidfd: got.fd };
  if (got?.message.type === "error") throw errorFromData(got.message.error);
  throw new WharfError("Unknown", "the process that joins the namespaces ended early");
}
