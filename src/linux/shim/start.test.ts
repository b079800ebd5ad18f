// A start that fails, or is broken off, leaves nothing behind.
import { join } from "../../common/path.ts";
import { mkdirs, O, open, readDir, rmdir } from "../sys/fs.ts";
import { loop } from "../sys/loop.ts";
import { NR } from "../sys/nr.ts";
import { type Exit, getpid, kill, SIGNALS, WNOHANG, wait } from "../sys/process.ts";
import { equal, ok, test, throws } from "../testing.ts";
import { Embryo, startAtOnce } from "./start.ts";

const EAGAIN = 11;
const EPIPE = 32;

test("startAtOnce() without a process to be had gives back its descriptors, and the socket, which nobody would answer", () => {
  const folder = `/tmp/wharf-start-${getpid()}`;
  const address = join(folder, "containerd.sock");
  const bundle = join(folder, "bundle");
  mkdirs(bundle);
  const options = {
    namespace: "n",
    id: "c",
    bundle,
    address,
    ttrpcAddress: "",
    debug: false,
    stdin: new Uint8Array(0),
  };
  const open = () => readDir("/proc/self/fd").length;
  const before = open();
  const real = native.syscall;
  native.syscall = (nr: number, ...words: NativeWord[]) => (nr === NR.clone ? -EAGAIN : real(nr, ...words));
  try {
    throws(() => startAtOnce(options, { args: [], env: [] }, () => new Embryo()), /EAGAIN/);
  } finally {
    native.syscall = real;
  }
  equal(open(), before, "open descriptors");
  // what is left in one of them keeps it
  for (const path of [bundle, join(folder, "s"), folder]) rmdir(path);
});

test("a shim that waits ends when the one who makes it a shim breaks off in the middle", async () => {
  const embryo = new Embryo();
  const config = {
    namespace: "n",
    address: "",
    ttrpcAddress: "",
    bundle: "/",
    debug: false,
    traces: "",
    folder: "",
    socket: "",
  };
  const real = native.syscall;
  native.syscall = (nr: number, ...words: NativeWord[]) => (nr === NR.write ? -EPIPE : real(nr, ...words));
  try {
    throws(() => embryo.hatch({ config }, open("/dev/null", O.RDONLY)), /EPIPE/);
  } finally {
    native.syscall = real;
  }
  embryo.drop();
  let end: Exit | undefined;
  for (let i = 0; i < 3000 && !end; i++, await loop().sleep(10)) end = wait(embryo.pid, WNOHANG);
  if (!end) kill(embryo.pid, SIGNALS.KILL);
  ok(end, "it has ended");
});
