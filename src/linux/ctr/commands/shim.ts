// ctr shim: a shim spoken to directly, past the daemon.
import { bool, type Flags, type FlagValues, int, list, string } from "../../../common/cli/flags.ts";
import { WharfError } from "../../../common/errors.ts";
import { type StateResponse, TaskService as TaskServiceV2 } from "../../../common/gen/containerd/task/v2.ts";
import { TaskService } from "../../../common/gen/containerd/task/v3.ts";
import type { Process } from "../../../common/oci/runtime.ts";
import type { Client } from "../../../common/protobuf/schema.ts";
import { ClientConnection, type TtrpcCallOptions } from "../../../common/ttrpc/client.ts";
import { rawMode, terminalSize } from "../../cli/terminal.ts";
import { socketPath } from "../../shim/address.ts";
import { Connection } from "../../shim/connection.ts";
import { readText } from "../../sys/fs.ts";
import { loop } from "../../sys/loop.ts";
import { connectUnix } from "../../sys/socket.ts";
import { type Ctr, command, group, need, usage } from "../ctr.ts";
import { TaskIo } from "../io.ts";
import { profiles } from "./pprof.ts";
import { PROCESS_TYPE } from "./task-exec.ts";

const WHERE = {
  id: string("The shim's id: its container's, or its sandbox's", { type: "ID" }),
  "shim-address": string("Its socket; without it found by the id", { type: "ADDRESS" }),
} as const satisfies Flags;

const VERSION = {
  "api-version": int("Version of the shim's API, 2 or 3", { initial: 3, min: 2, max: 3 }),
} as const;

type Where = FlagValues<typeof WHERE>;
type Tasks = Client<typeof TaskService, TtrpcCallOptions>;

/** The sockets at which the shim may listen. */
function sockets(ctr: Ctr, flags: Where): string[] {
  const places: string[] = [];
  if (flags["shim-address"]) places.push(flags["shim-address"].replace(/^unix:\/\//, ""));
  if (flags.id) {
    const { address, namespace } = ctr.globals;
    places.push(socketPath(address, namespace, flags.id).path);
    places.push(socketPath(address, namespace, flags.id, "/run/containerd/s").path);
  }
  if (places.length === 0) throw usage("--id or --shim-address must be given, before the command's name");
  return places;
}

function connect(ctr: Ctr, flags: Where): ClientConnection {
  const places = [...new Set(sockets(ctr, flags))];
  let fault: unknown;
  for (const path of places) {
    try {
      const connection: Connection = new Connection(
        connectUnix(path, true),
        (bytes) => client.receive(bytes),
        () => client.close(),
      );
      const client = new ClientConnection({
        send: (bytes) => connection.send(bytes),
        timer: (ms, run) => loop().timer(ms, run),
      });
      ctr.atEnd(() => connection.close());
      return client;
    } catch (error) {
      fault = error;
    }
  }
  throw new WharfError("Unavailable", `no shim answers at ${places.join(" or ")}`, {
    hint: "'ctr tasks ls' lists what runs; a bundle's file 'address' has the socket",
    cause: fault,
  });
}

/** The task service of either version; both have the same methods and messages here. */
function tasksOf(ctr: Ctr, flags: Where, version = 3): Tasks {
  const client = connect(ctr, flags);
  return version === 2 ? client.client(TaskService, TaskServiceV2.typeName) : client.client(TaskService);
}

/** The first argument, or the shim's own id. */
function taskId(flags: Where, args: readonly string[]): string {
  return args[0] ?? need([flags.id], 0, "a task's id");
}

/** In the original's form: what is empty is left out. */
function stateJson(state: StateResponse): string {
  const { seconds = 0, nanos = 0 } = state.exitedAt ?? {};
  const shown = {
    id: state.id,
    bundle: state.bundle,
    pid: state.pid,
    status: state.status,
    stdin: state.stdin,
    stdout: state.stdout,
    stderr: state.stderr,
    terminal: state.terminal,
    exit_status: state.exitStatus,
    exited_at: state.exitedAt ? { ...(seconds ? { seconds } : {}), ...(nanos ? { nanos } : {}) } : undefined,
    exec_id: state.execId,
  };
  const full = Object.entries(shown).filter(([, value]) => value !== "" && value !== 0 && value !== false);
  return JSON.stringify(Object.fromEntries(full), undefined, 4);
}

const state = command({
  name: "state",
  summary: "Show the state of a task's process",
  usage: "",
  flags: { ...WHERE, ...VERSION, "task-id": string("The task, when it is not the shim's own", { short: "t" }) },
  examples: [{ what: "Of the container web", line: "shim --id web state" }],
  run: async (ctr, { flags }) => {
    const id = flags["task-id"] || need([flags.id], 0, "--task-id or --id");
    ctr.line(stateJson(await tasksOf(ctr, flags, flags["api-version"]).state({ id })));
    return 0;
  },
});

const start = command({
  name: "start",
  summary: "Start a task that was created",
  usage: "[TASK]",
  flags: WHERE,
  run: async (ctr, { flags, args }) => {
    await tasksOf(ctr, flags).start({ id: taskId(flags, args) });
    return 0;
  },
});

const remove = command({
  name: "delete",
  summary: "Delete a task that has ended",
  usage: "[TASK]",
  flags: WHERE,
  run: async (ctr, { flags, args }) => {
    const { exitStatus } = await tasksOf(ctr, flags).delete({ id: taskId(flags, args) });
    ctr.line(`container deleted and returned exit status ${exitStatus}`);
    return 0;
  },
});

const shutdown = command({
  name: "shutdown",
  summary: "Have the shim end, if it has no task",
  usage: "",
  flags: { ...WHERE, ...VERSION },
  run: async (ctr, { flags }) => {
    try {
      await tasksOf(ctr, flags, flags["api-version"]).shutdown({ id: flags.id });
    } catch (error) {
      // It may be gone before its answer is.
      if (!(error instanceof WharfError) || error.code !== "Unavailable" || !/closed/.test(error.message)) throw error;
    }
    return 0;
  },
});

const exec = command({
  name: "exec",
  summary: "Run a further process in a task's container",
  usage: "EXEC-ID",
  flags: {
    ...WHERE,
    stdin: string("FIFO of its stdin", { type: "PATH" }),
    stdout: string("FIFO of its stdout", { type: "PATH" }),
    stderr: string("FIFO of its stderr", { type: "PATH" }),
    tty: bool("Give it a terminal", { short: "t" }),
    attach: bool("Stay, with the FIFOs as our own streams", { short: "a" }),
    env: list("Environment variable", { short: "e", type: "NAME=VALUE" }),
    cwd: string("Working directory", { type: "DIR" }),
    spec: string("File with the process's configuration as JSON", { type: "FILE" }),
  },
  run: async (ctr, { flags, args }) => {
    const id = need([flags.id], 0, "--id");
    const execId = need(args, 0, "an id for the process");
    const process = JSON.parse(readText(need([flags.spec], 0, "--spec"))) as Process;
    process.env = [...(process.env ?? []), ...flags.env];
    if (flags.cwd) process.cwd = flags.cwd;
    process.terminal = flags.tty;
    const streams = { stdin: flags.stdin, stdout: flags.stdout, stderr: flags.stderr, terminal: flags.tty };
    using io = flags.attach ? TaskIo.attach(streams) : undefined;
    const tasks = tasksOf(ctr, flags);
    const spec = { typeUrl: PROCESS_TYPE, value: native.bytes(JSON.stringify(process)) };
    await tasks.exec({ id, execId, spec, ...streams });
    const { pid } = await tasks.start({ id, execId });
    ctr.line(`exec running with pid ${pid}`);
    if (!io) return 0;
    using _raw = flags.tty ? rawMode(0) : undefined;
    const size = flags.tty ? terminalSize(0) : undefined;
    if (size) await tasks.resizePty({ id, execId, width: size.columns, height: size.rows });
    void io.forward(() => tasks.closeIO({ id, execId, stdin: true }));
    await io.drained();
    return 0;
  },
});

/** Of a containerd's shim with debugging on; ours is not Go's and has none. */
const shimPprof = profiles("pprof", "Profiles of a shim in Go", WHERE, (ctr, { id }) => {
  const { address, namespace } = ctr.globals;
  return socketPath(address, namespace, `${need([id as string], 0, "--id")}/debug`, "/run/containerd/s").path;
});

export const shim = group(
  "shim",
  "Speak to a shim directly",
  [[remove], [exec], [start], [state], [shutdown], [shimPprof]],
  WHERE,
);
