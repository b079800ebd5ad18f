// What the shim has to say: to the FIFO `log` in the bundle, which the daemon reads. A log nobody reads is dropped.
import { describe } from "../../common/errors.ts";
import { close } from "../sys/fs.ts";
import { NR } from "../sys/nr.ts";
import { timestamp } from "../sys/time.ts";

const AT_FDCWD = -100;
const WRONLY_APPEND_NONBLOCK_CLOEXEC = 0o2006001;

let file = "";
let verbose = false;

/** `bundle`: where the log lies. */
export function openLog(bundle: string, debug: boolean): void {
  file = `${bundle}/log`;
  verbose = debug;
}

function log(level: string, message: string): void {
  if (file === "") return;
  const fd = native.syscall(NR.openat, AT_FDCWD, file, WRONLY_APPEND_NONBLOCK_CLOEXEC, 0);
  if (fd < 0) return;
  const line = native.bytes(`time="${timestamp()}" level=${level} msg=${JSON.stringify(message)} runtime=runt\n`);
  native.syscall(NR.write, fd, line, line.length);
  close(fd);
}

export function warn(what: string, error?: unknown): void {
  log("warning", error === undefined ? what : `${what}: ${describe(error)}`);
}

export function debug(what: string): void {
  if (verbose) log("debug", what);
}
