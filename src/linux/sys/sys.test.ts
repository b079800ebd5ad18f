// The basic layer against the real kernel.
import { equal, ok, test, throws } from "../testing.ts";
import { E } from "./errno.ts";
import {
  close,
  isSameFile,
  pipe,
  readAll,
  readDir,
  readText,
  stat,
  statIfThere,
  unlink,
  writeAll,
  writeFile,
} from "./fs.ts";
import { loop, onSignals } from "./loop.ts";
import { NR } from "./nr.ts";
import { clone, exit, fork, getpid, kill, SIGNALS, wait } from "./process.ts";
import { receiveFds, sendFds, socketPair } from "./socket.ts";

test("sys() names operation, subject and errno when a call fails", () => {
  const error = throws(
    () => readText("/nowhere/at/all"),
    /^open "\/nowhere\/at\/all": ENOENT: no such file or directory$/,
  );
  equal((error as Error & { code: string }).code, "NotFound");
});

test("a string with a NUL byte never reaches the kernel", () => {
  throws(() => stat("/etc\0/passwd"), /NUL byte/);
});

test("files: written text is read back, folders list it, stat tells its size", () => {
  const path = `/tmp/wharf-sys-${getpid()}`;
  writeFile(path, "häfen\n");
  equal(readText(path), "häfen\n");
  equal(stat(path).size, 7);
  ok(
    readDir("/tmp").some((entry) => path.endsWith(entry.name)),
    "listed",
  );
  unlink(path);
  equal(statIfThere(path), undefined);
});

test("isSameFile() tells files of the same number on two file systems apart", () => {
  const one = stat("/proc/self/exe");
  ok(isSameFile(one, stat("/proc/self/exe")), "a file is itself");
  for (const change of [{ ino: one.ino + 1 }, { devMajor: one.devMajor + 1 }, { devMinor: one.devMinor + 1 }]) {
    ok(!isSameFile(one, { ...one, ...change }), JSON.stringify(change));
  }
});

test("fork() goes on in TypeScript in the child, and wait() tells its status", () => {
  const [reader, writer] = pipe();
  const pid = fork();
  if (pid === 0) {
    writeAll(writer, `child of ${getpid()}`);
    exit(7);
  }
  close(writer);
  equal(native.utf8(readAll(reader)), `child of ${pid}`);
  close(reader);
  equal(wait(pid), { pid, signal: 0, status: 7 });
});

test("clone() gives a pidfd that becomes readable at the child's end", async () => {
  const { pid, pidfd } = clone(0);
  if (pid === 0) exit(3);
  await loop().readable(pidfd);
  equal(wait(pid)?.status, 3);
  close(pidfd);
});

test("timers fire in order, and a disposed one never", async () => {
  const fired: string[] = [];
  loop().timer(6, () => fired.push("late"));
  loop().timer(1, () => fired.push("early"));
  loop()
    .timer(3, () => fired.push("never"))
    [Symbol.dispose]();
  await loop().sleep(12);
  equal(fired, ["early", "late"]);
});

test("a timer fires however often the wait for it is interrupted", async () => {
  const real = native.syscall;
  let interrupted = 0;
  native.syscall = (nr: number, ...words: NativeWord[]) => {
    if (nr !== NR.epoll_wait) return real(nr, ...words);
    if (++interrupted > 1000) throw new Error("it waits for all of its time again and again");
    return real(nr, ...words.slice(0, 3), 1) || -E.EINTR;
  };
  try {
    await loop().sleep(20);
  } finally {
    native.syscall = real;
  }
  ok(interrupted > 1, "it was interrupted");
});

test("onSignals() delivers a signal through the loop", async () => {
  const got = await new Promise<number>((resolve) => {
    const watch = onSignals([SIGNALS.USR1], (signal) => {
      watch[Symbol.dispose]();
      resolve(signal);
    });
    kill(getpid(), SIGNALS.USR1);
  });
  equal(got, SIGNALS.USR1);
});

test("sendFds() passes an open descriptor to the other end", () => {
  const [left, right] = socketPair();
  const [reader, writer] = pipe();
  sendFds(left, new Uint8Array([42]), [writer]);
  close(writer);
  const data = new Uint8Array(4);
  const { length, fds } = receiveFds(right, data);
  equal([length, data[0], fds.length], [1, 42, 1]);
  writeAll(fds[0]!, "through");
  close(fds[0]!);
  equal(native.utf8(readAll(reader)), "through");
  for (const fd of [left, right, reader]) close(fd);
});
