// A process's peak resident size, read at its exit. The kernel's own account (ru_maxrss) is of no use here: it keeps what the
// process had before exec, which is the size of whoever started it.
import { sys } from "../sys/call.ts";
import { readText } from "../sys/fs.ts";
import { NR } from "../sys/nr.ts";

// ptrace(2)
const TRACEME = 0;
const CONT = 7;
const SETOPTIONS = 0x4200;
const O_TRACEEXIT = 0x40;
const O_EXITKILL = 0x100000;
const EVENT_EXIT = 6;
const SIGTRAP = 5;

/** In a forked child, before exec: it will stop there. */
export function traceMe(): void {
  sys("ptrace", "self", NR.ptrace, TRACEME, 0, 0, 0);
}

/** Lets the child `pid` run to its end, whose wait status is stored. Answers with its peak in KiB. */
export function followToExit(pid: number, status: Int32Array): number {
  let peak = 0;
  let begun = false;
  for (;;) {
    sys("wait for", pid, NR.wait4, pid, status, 0, 0);
    if ((status[0]! & 0x7f) !== 0x7f) return peak;
    const signal = (status[0]! >> 8) & 0xff;
    const event = status[0]! >> 16;
    if (event === EVENT_EXIT) peak = Number(/VmHWM:\s*(\d+)/.exec(readText(`/proc/${pid}/status`))?.[1] ?? 0);
    if (!begun) sys("ptrace", pid, NR.ptrace, SETOPTIONS, pid, 0, O_TRACEEXIT | O_EXITKILL);
    // the first stop is that of exec, and an event is no signal either; all others are handed on
    const deliver = !begun || event !== 0 || signal === SIGTRAP ? 0 : signal;
    begun = true;
    sys("ptrace", pid, NR.ptrace, CONT, pid, 0, deliver);
  }
}
