// The shim's life: serves the task service until it is told to end. A daemon that goes away does not end it.
import { type Router, ServerConnection } from "../../common/ttrpc/server.ts";
import { unlinkIfThere } from "../sys/fs.ts";
import { takeConnections } from "../sys/listen.ts";
import { loop, onSignals } from "../sys/loop.ts";
import { exit, SIGNALS } from "../sys/process.ts";
import { Connection } from "./connection.ts";
import { Publisher } from "./events.ts";
import { dropSmallBuffer } from "./io/scratch.ts";
import { openLog, warn } from "./log.ts";
import { Reaper } from "./reaper.ts";
import { Service } from "./service.ts";

export interface ShimConfig {
  namespace: string;
  /** The daemon's gRPC address, and its ttrpc socket. */
  address: string;
  ttrpcAddress: string;
  bundle: string;
  debug: boolean;
  /** Where spans are recorded. */
  traces: string;
  /** Folder of the sockets, and the one that is listened on. */
  folder: string;
  socket: string;
}

/**
 * How long the last events may take to be delivered, also while nobody listens: a daemon that has been killed is back soon, and a deletion is told by
 * nobody else.
 */
const FLUSH_MS = 3000;

function serveConnection(fd: number, router: Router): void {
  const server = new ServerConnection(router, (bytes) => {
    connection.send(bytes);
    trimLater();
  });
  const connection = new Connection(
    fd,
    (bytes) => {
      server.receive(bytes);
      trimLater();
    },
    () => server.close(),
  );
}

/** Memory is given back when neither a request nor an answer came for this long. */
const QUIET_MS = 100;

let trimming = false;
/** Another one came since the timer was set. */
let again = false;

/** Memory that was needed for a request is given back when no other follows. */
function trimLater(): void {
  again = trimming;
  if (trimming) return;
  trimming = true;
  loop().timer(QUIET_MS, () => {
    trimming = false;
    if (again) return trimLater();
    dropSmallBuffer();
    native.trim();
  });
}

/** Does not return. */
export function serve(config: ShimConfig, listener: number): never {
  const { namespace, address: daemonAddress, folder, socket } = config;
  openLog(config.bundle, config.debug);
  const reaper = new Reaper();
  const publisher = new Publisher(config.ttrpcAddress, namespace);
  // Once: from then on another shim of the group may listen there. Whoever asked for the end finds no socket when the answer is there.
  let listening = true;
  const leave = () => {
    if (listening) unlinkIfThere(socket);
    listening = false;
  };
  const end = () => {
    leave();
    exit(0);
  };
  const shutdown = () => {
    leave();
    // the answer goes first
    loop().timer(0, () => void publisher.flush(FLUSH_MS).then(end, end));
  };
  const tracing = { folder: config.traces, traceparent: "" };
  const service = new Service({ namespace, daemonAddress, folder, reaper, publisher, tracing, shutdown });
  const router = service.router();
  // blocked, not ignored: what the shim starts must not inherit that it ignores them
  onSignals([SIGNALS.TERM, SIGNALS.INT, SIGNALS.HUP, SIGNALS.PIPE], (signal) => {
    if (signal === SIGNALS.TERM && service.empty) end();
  });
  takeConnections(listener, (fd) => {
    serveConnection(fd, router);
    publisher.wake();
  });
  for (;;) {
    try {
      loop().turn();
    } catch (error) {
      warn("error in the event loop", error);
    }
  }
}
