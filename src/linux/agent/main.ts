// wharf-agent: the daemon's hands. Listens on a socket, lives as long as its stdin is open, which the daemon holds.
//   wharf-agent --socket PATH
import "../sys/builtins.ts";
import { WharfError } from "../../common/errors.ts";
import { dirname } from "../../common/path.ts";
import { armFailpoints } from "../sys/failpoints.ts";
import { mkdirs, stat, statIfThere, unlinkIfThere } from "../sys/fs.ts";
import { EPOLL, loop } from "../sys/loop.ts";
import { NR } from "../sys/nr.ts";
import { complain, stdout } from "../sys/out.ts";
import { letGoOfSelf } from "../sys/process.ts";
import { listenUnix } from "../sys/socket.ts";
import { long, short, traceIn } from "./operations.ts";
import { adoptOrphans } from "./orphans.ts";
import { Server } from "./server.ts";
import { mountIn } from "./tree.ts";

function parse(args: readonly string[]): string {
  const [flag, path, ...rest] = args.slice(1);
  if (flag !== "--socket" || !path || rest.length > 0) {
    throw new WharfError("InvalidArgument", "usage: wharf-agent --socket PATH (the daemon starts it)");
  }
  return path;
}

/** Resolves when whoever started us has closed our stdin. */
function parentGone(): Promise<void> {
  return new Promise((resolve) => {
    const byte = new Uint8Array(64);
    const watch = loop().watch(0, EPOLL.IN | EPOLL.RDHUP, () => {
      if (native.syscall(NR.read, 0, byte, byte.length) > 0) return;
      watch[Symbol.dispose]();
      resolve();
    });
  });
}

export function main(args: string[]): number {
  try {
    const path = parse(args);
    native.syscall(NR.umask, 0o077);
    // Workers that start shims come back to our group (ops/spawn-shim.ts): the daemon's may be none that can be named, when it was begun outside of the
    // process namespace that we are in. One that leads a session leads its group already.
    native.syscall(NR.setpgid, 0, 0);
    unlinkIfThere(path);
    const mounts = `${dirname(path)}/agent.mnt`;
    mkdirs(mounts, 0o700);
    mountIn(mounts);
    traceIn(`${dirname(path)}/trace`);
    adoptOrphans();
    const failpoints = native.variable("WHARF_AGENT_FAILPOINTS");
    if (failpoints) armFailpoints(failpoints);
    const listener = listenUnix(path);
    const own = stat(path).ino;
    const server = new Server(listener, { short, long });
    native.syscall(NR.umask, 0o022);
    stdout("ready\n");
    letGoOfSelf();
    loop().run(parentGone());
    server.closeAll();
    // The next daemon's agent may listen there already.
    if (statIfThere(path)?.ino === own) unlinkIfThere(path);
    return 0;
  } catch (error) {
    complain("wharf-agent", error);
    return 1;
  }
}
