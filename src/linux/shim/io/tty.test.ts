import { openTerminal } from "../../runt/console.ts";
import { close, mkdirs, mkfifo, O, open, rmdir, setNonblocking, unlinkIfThere } from "../../sys/fs.ts";
import { loop } from "../../sys/loop.ts";
import { NR } from "../../sys/nr.ts";
import { environment, getpid } from "../../sys/process.ts";
import { equal, ok, test } from "../../testing.ts";
import { TtyIO } from "./tty.ts";

/** Reads or writes until it would wait; answers how many bytes. */
function exhaust(call: number, fd: number): number {
  const buffer = new Uint8Array(4096).fill(120);
  let all = 0;
  for (;;) {
    const n = native.syscall(call, fd, buffer, buffer.length);
    if (n <= 0) return all;
    all += n;
  }
}

test("TtyIO.unread() also counts what is in the terminal still, when its reader has just taken all of the FIFO", async () => {
  const folder = `${environment().get("TMPDIR") ?? "/tmp"}/tty-${getpid()}`;
  mkdirs(folder);
  const path = `${folder}/out`;
  mkfifo(path);
  const reader = open(path, O.RDONLY | O.NONBLOCK);
  const { master, slave } = openTerminal(undefined, undefined, true);
  setNonblocking(master);
  setNonblocking(slave);
  const io = new TtyIO({ stdin: "", stdout: path, stderr: "", terminal: true }, { scheme: "fifo", path, query: [] });
  io.launched(master);
  let written = 0;
  // the FIFO is full when nothing more fits into the terminal
  for (let idle = 0; idle < 20; ) {
    const n = exhaust(NR.write, slave);
    written += n;
    idle = n === 0 ? idle + 1 : 0;
    await loop().sleep(1);
  }
  close(slave);
  io.exited();
  let read = exhaust(NR.read, reader);
  ok(read < written, "the terminal holds something");
  ok(io.unread(), "what the terminal holds is unread");
  for (let left = 1000; left > 0 && io.unread(); left--) {
    await loop().sleep(1);
    read += exhaust(NR.read, reader);
  }
  equal([io.unread(), read], [false, written]);
  io.close();
  close(reader);
  unlinkIfThere(path);
  rmdir(folder);
});
