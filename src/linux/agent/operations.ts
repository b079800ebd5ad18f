// Every operation of the agent by name.
import type { AgentRequest, Operation, RequestOf } from "../../common/agent/protocol.ts";
import { errorToData, WharfError } from "../../common/errors.ts";
import { failpoint } from "../../common/failpoint.ts";
import { copyTree } from "../layer/copy.ts";
import { inherit } from "../layer/inherit.ts";
import { Removal } from "../layer/remove.ts";
import { measure } from "../layer/usage.ts";
import { mkfifo, unlinkIfThere } from "../sys/fs.ts";
import { getpid } from "../sys/process.ts";
import { openTrace, type Trace } from "../sys/trace.ts";
import type { Channel } from "./channel.ts";
import { archiveGet, archivePut, archiveStat } from "./ops/archive.ts";
import { changes } from "./ops/changes.ts";
import { diff, exportTree } from "./ops/diff.ts";
import { fetchFile } from "./ops/fetch-file.ts";
import { idmaps, mount, mountBelow, unmount } from "./ops/mount.ts";
import { networkOperations } from "./ops/network.ts";
import { pinUserNamespace } from "./ops/pin-user-namespace.ts";
import { readFileOf } from "./ops/read-file.ts";
import { sendFile } from "./ops/send-file.ts";
import { hatchShim, spawnShim } from "./ops/spawn-shim.ts";
import { unpack } from "./ops/unpack.ts";
import { endOf } from "./orphans.ts";
import type { Request } from "./server.ts";

type ShortTable = { readonly [Op in Operation]?: (request: RequestOf<Op>) => unknown };
type LongTable = { readonly [Op in Operation]?: (request: RequestOf<Op>, channel: Channel) => unknown };

const SHORT_OPERATIONS: ShortTable = {
  ping: () => ({ pid: getpid() }),
  mount,
  idmaps,
  unmount,
  mountBelow,
  pinUserNamespace,
  makeFifo({ path }) {
    unlinkIfThere(path);
    mkfifo(path);
    return {};
  },
  endOf,
  hatchShim,
  ...networkOperations,
};

const LONG_OPERATIONS: LongTable = {
  unpack,
  inherit({ upper, lowers, paths }) {
    inherit(upper, lowers, paths);
    return {};
  },
  copy({ source, target }) {
    copyTree(source, target);
    return {};
  },
  remove({ paths }, channel) {
    const removal = new Removal((inodes) => channel.progress({ bytes: inodes }));
    for (const path of paths) removal.path(path);
    return { inodes: removal.inodes };
  },
  usage: ({ paths }) => ({
    usages: paths.map((path) => {
      try {
        return measure(path);
      } catch (error) {
        return { error: errorToData(error) };
      }
    }),
  }),
  diff,
  export: exportTree,
  readFile: readFileOf,
  sendFile,
  fetchFile,
  spawnShim,
  changes,
  archiveStat,
  archiveGet,
  archivePut,
};

function unknown(op: string): WharfError {
  return new WharfError("Unimplemented", `wharf-agent knows no operation ${JSON.stringify(op)}`);
}

let traces = "";

/** Sets the folder that traces are written to. */
export function traceIn(folder: string): void {
  traces = folder;
}

/** Runs `work` as a span of the caller's trace, where it wants one recorded. */
function traced<T>(request: Request, work: (trace: Trace | undefined) => T): T {
  const { traceparent } = request;
  const trace = typeof traceparent === "string" ? openTrace("agent", traceparent, traces) : undefined;
  if (!trace) return work(undefined);
  try {
    return trace.span(request.op, undefined, () => work(trace));
  } finally {
    trace.close();
  }
}

export function short(request: Request): unknown {
  if (!Object.hasOwn(SHORT_OPERATIONS, request.op)) throw unknown(request.op);
  const run = SHORT_OPERATIONS[request.op as Operation] as (request: AgentRequest) => unknown;
  return traced(request, () => run(request as unknown as AgentRequest));
}

export function long(request: Request, channel: Channel): unknown {
  if (!Object.hasOwn(LONG_OPERATIONS, request.op)) throw unknown(request.op);
  const run = LONG_OPERATIONS[request.op as Operation] as (request: AgentRequest, channel: Channel) => unknown;
  failpoint("worker", request.op);
  return traced(request, (trace) => {
    channel.trace = trace;
    return run(request as unknown as AgentRequest, channel);
  });
}
