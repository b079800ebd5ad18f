// What a worker leaves in the agent's group outlives it, however late the agent gets the processor after its fork.
import { encodeJson, FRAME } from "../../common/agent/frame.ts";
import { E } from "../sys/errno.ts";
import { close, mkdirs, rmdir, statIfThere, unlinkIfThere, writeAll, writeFile } from "../sys/fs.ts";
import { loop } from "../sys/loop.ts";
import { NR } from "../sys/nr.ts";
import { exit, fork, getpid } from "../sys/process.ts";
import { connectUnix, listenUnix } from "../sys/socket.ts";
import { ok, test } from "../testing.ts";
import { Server } from "./server.ts";

const NANOSLEEP = 35;

function sleep(ms: number): void {
  realCall(NANOSLEEP, new BigInt64Array([BigInt(Math.floor(ms / 1000)), BigInt((ms % 1000) * 1e6)]), 0);
}

let realCall = native.syscall;

/** Of a worker: joins the agent's group, as for the start of a shim, and leaves a process there that makes `file` after a while. */
function leave(file: string): object {
  native.syscall(NR.setpgid, 0, native.syscall(NR.getpgid, native.syscall(NR.getppid)));
  sleep(600);
  if (fork() === 0) {
    sleep(600);
    writeFile(file, "");
    exit(0);
  }
  return {};
}

test("a process that a worker has left in the agent's group is not killed after the worker's end", () => {
  const agent = getpid();
  const folder = `/tmp/wharf-server-${agent}`;
  const file = `${folder}/made`;
  const socket = `${folder}/s`;
  mkdirs(folder, 0o700);
  realCall = native.syscall;
  // an agent that the scheduler holds up between its fork and whatever it does with groups
  native.syscall = (nr: number, ...words: NativeWord[]) => {
    if (nr === NR.setpgid && getpid() === agent) sleep(300);
    return realCall(nr, ...words);
  };
  try {
    const server = new Server(listenUnix(socket), { short: () => ({}), long: () => leave(file) });
    const client = connectUnix(socket, true);
    writeAll(client, encodeJson(FRAME.request, { op: "unpack" }));
    loop().run(
      (async () => {
        // the worker's answer; hanging up then ends the worker and what is in its group
        await loop().readable(client);
        close(client);
        for (let i = 0; i < 1000 && !statIfThere(file); i++) await loop().sleep(10);
      })(),
    );
    server.closeAll();
    ok(statIfThere(file), "it was left alone");
  } finally {
    native.syscall = realCall;
    for (const path of [file, socket]) unlinkIfThere(path);
    rmdir(folder);
  }
});

test("a client for whom no descriptor is free is served once there is one", () => {
  const folder = `/tmp/wharf-server-${getpid()}`;
  const socket = `${folder}/s`;
  mkdirs(folder, 0o700);
  realCall = native.syscall;
  let refused = 0;
  native.syscall = (nr: number, ...words: NativeWord[]) => {
    if (nr === NR.accept4 && refused < 3) {
      refused++;
      return -E.EMFILE;
    }
    return realCall(nr, ...words);
  };
  try {
    const server = new Server(listenUnix(socket), { short: () => ({}), long: () => ({}) });
    const client = connectUnix(socket, true);
    writeAll(client, encodeJson(FRAME.request, { op: "ping" }));
    const answered = loop().run(
      loop()
        .readable(client)
        .then(() => true),
    );
    ok(answered && refused === 3, "it was answered");
    close(client);
    server.closeAll();
  } finally {
    native.syscall = realCall;
    unlinkIfThere(socket);
    rmdir(folder);
  }
});
