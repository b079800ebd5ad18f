// Questions to the person at the terminal.
import { read } from "../../sys/fs.ts";
import { onSignals } from "../../sys/loop.ts";
import { exit, SIGNALS } from "../../sys/process.ts";
import { getMode, setMode } from "../../sys/tty.ts";
import type { Cli } from "../cli.ts";

/** A line of stdin without its end; undefined when there is none. Reads no byte beyond it. */
export function readLine(): string | undefined {
  const bytes: number[] = [];
  const one = new Uint8Array(1);
  while (read(0, one) > 0) {
    if (one[0] === 10) return native.utf8(Uint8Array.from(bytes)).replace(/\r$/, "");
    bytes.push(one[0]!);
  }
  return bytes.length > 0 ? native.utf8(Uint8Array.from(bytes)) : undefined;
}

/** Asks whether to go on; anything but y and yes is no. */
export async function confirmed(cli: Cli, warning: string): Promise<boolean> {
  cli.out(`${warning.replace(/\n$/, "")}\nAre you sure you want to continue? [y/N] `);
  return /^y(es)?$/i.test((readLine() ?? "").trim());
}

/** Offset of c_lflag in struct termios, and its bit for echo. */
const LOCAL_FLAGS = 12;
const ECHO = 8;

/** Asks for a line that is not shown while it is typed. */
export function readSecret(cli: Pick<Cli, "err">, question: string): string {
  cli.err(question);
  const mode = getMode(0);
  if (!mode) return readLine() ?? "";
  const silent = mode.slice();
  silent[LOCAL_FLAGS]! &= ~ECHO;
  using _signals = onSignals([SIGNALS.INT, SIGNALS.TERM], (signal) => {
    setMode(0, mode);
    exit(128 + signal);
  });
  try {
    setMode(0, silent);
    return readLine() ?? "";
  } finally {
    setMode(0, mode);
    cli.err("\n");
  }
}
