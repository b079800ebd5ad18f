// start: lets a created container's program run.
import { WharfError } from "../../common/errors.ts";
import { close, Fd } from "../sys/fs.ts";
import { Channel, type FromInit, failure } from "./channel.ts";
import { runHooks } from "./hooks.ts";
import { sendListener } from "./seccomp.ts";
import { connectForStart } from "./start-socket.ts";
import { type ContainerRecord, folderOf, loadRecord, statusOf } from "./state.ts";
import { hookState } from "./view.ts";

/**
 * Returns when the program runs: the process's end of the connection closes as it becomes the program, and before that it
 * tells what kept it from doing so.
 */
export function start(root: string, id: string): void {
  const record = loadRecord(root, id);
  const status = statusOf(root, record);
  if (status !== "created") {
    throw new WharfError("FailedPrecondition", `cannot start a container in the ${status} state`, { subject: id });
  }
  using channel = new Channel(connectForStart(folderOf(root, id)));
  awaitProgram(channel, record);
  runHooks(record.hooks, "poststart", hookState(record, "running"));
}

function awaitProgram(channel: Channel, record: ContainerRecord): void {
  for (;;) {
    const got = channel.receive<FromInit>();
    if (!got) break;
    const { message, fd } = got;
    if (message.type === "error") throw failure(message);
    if (message.type === "seccomp" && fd !== undefined) {
      using listener = new Fd(fd);
      sendListener(record.seccomp!, listener.value, hookState(record, "created"));
    } else if (fd !== undefined) close(fd);
  }
}
