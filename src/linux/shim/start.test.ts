// A start from a process that lives on leaves nothing behind there when it fails.
import { join } from "../../common/path.ts";
import { mkdirs, readDir, rmdir } from "../sys/fs.ts";
import { NR } from "../sys/nr.ts";
import { getpid } from "../sys/process.ts";
import { equal, test, throws } from "../testing.ts";
import { Embryo, startAtOnce } from "./start.ts";

const EAGAIN = 11;

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
