// ctr pprof, shim pprof: profiles of a containerd, or of a shim, that is written in Go: they serve them over HTTP on a socket.
import { duration, type Flags, int, string } from "../../../common/cli/flags.ts";
import { formatRequest } from "../../../common/cli/http1.ts";
import { WharfError } from "../../../common/errors.ts";
import { Connection, Response } from "../../cli/http/connection.ts";
import { isErrno } from "../../sys/call.ts";
import { connectUnix } from "../../sys/socket.ts";
import { type Ctr, command, group } from "../ctr.ts";

const SECOND_NS = 1e9;

/** Writes a profile to stdout. Unimplemented where there is none: a program that is not Go's. */
async function profile(ctr: Ctr, socket: string, path: string): Promise<number> {
  let fd: number;
  try {
    fd = connectUnix(socket, true);
  } catch (cause) {
    if (!isErrno(cause, "ENOENT", "ECONNREFUSED")) throw cause;
    throw new WharfError("Unavailable", `nobody serves profiles on ${JSON.stringify(socket)}`, {
      cause,
      hint: "they are of programs in Go: containerd's debug socket ([debug] address); wharfd has none ('wharf trace' shows its requests)",
    });
  }
  using connection = new Connection(fd);
  await connection.send(formatRequest("GET", path, { Host: "localhost", Connection: "close" }));
  const head = await connection.head();
  if (!head) throw new WharfError("Unavailable", `${socket} closed the connection without an answer`);
  using response = new Response("GET", head, connection, () => {});
  if (head.status !== 200) {
    throw new WharfError("Unknown", `${path}: status ${head.status}: ${(await response.text()).trim()}`);
  }
  await response.each((piece) => ctr.out(piece.slice()));
  return 0;
}

const DEBUG = { debug: int("Form: 0 for pprof's own, more for text", { min: 0 }) } as const;

/** The six profiles of a program whose socket `where` tells. */
export function profiles<F extends Flags>(
  name: string,
  summary: string,
  where: F,
  socketOf: (ctr: Ctr, flags: Record<string, unknown>) => string,
) {
  const simple = (own: string, path: string, what: string, form = 0) =>
    command({
      name: own,
      summary: what,
      usage: "",
      flags: { ...where, debug: { ...DEBUG.debug, initial: form } },
      run: (ctr, { flags }) => profile(ctr, socketOf(ctr, flags), `/debug/pprof/${path}?debug=${flags.debug}`),
    });
  const timed = (own: string, path: string, what: string, seconds: number) =>
    command({
      name: own,
      summary: what,
      usage: "",
      flags: {
        ...where,
        ...DEBUG,
        seconds: { ...duration("For how long", { short: "s" }), initial: seconds * SECOND_NS },
      },
      run: (ctr, { flags }) =>
        profile(
          ctr,
          socketOf(ctr, flags),
          `/debug/pprof/${path}?seconds=${(flags.seconds as number) / SECOND_NS}&debug=${flags.debug}`,
        ),
    });
  return group(
    name,
    summary,
    [
      [simple("block", "block", "What goroutines wait for")],
      [simple("goroutines", "goroutine", "What goroutines do", 2)],
      [simple("heap", "heap", "What is on the heap")],
      [timed("profile", "profile", "What takes the processor's time", 30)],
      [simple("threadcreate", "threadcreate", "What made threads")],
      [timed("trace", "trace", "What is executed", 5)],
    ],
    where,
  );
}

export const pprof = profiles(
  "pprof",
  "Profiles of a containerd in Go",
  {
    "debug-socket": string("Socket of containerd's debug server", {
      short: "d",
      type: "PATH",
      initial: "/run/containerd/debug.sock",
    }),
  },
  (_ctr, flags) => String(flags["debug-socket"]),
);
