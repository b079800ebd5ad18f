import type { CreateTaskRequest } from "../../common/gen/containerd/task/v2.ts";
import { close, mkdirs, mkfifo, O, open, rmdir, unlinkIfThere } from "../sys/fs.ts";
import { loop } from "../sys/loop.ts";
import { NR } from "../sys/nr.ts";
import { environment, getpid } from "../sys/process.ts";
import { equal, test } from "../testing.ts";
import { Container } from "./container.ts";
import { FifoIO, NullIO } from "./io/fifo.ts";
import type { ProcessIO } from "./io/io.ts";
import type { Ended, Reaper } from "./reaper.ts";
import type { OciRuntime } from "./runtime.ts";

/** A container that has been created and started, whose process ends when `end` is called. */
async function running(io: ProcessIO, more: object = {}) {
  let ended: (end: Ended) => void = () => {};
  let told = 0;
  const reaper = { hold: () => ({ [Symbol.dispose]() {} }), watch: (_pid: number, run: typeof ended) => (ended = run) };
  const runtime = { create: async () => ({ pid: 1, sharedPids: false }), start: async () => {}, ...more };
  const request = {
    id: "c",
    bundle: "/",
    stdin: "",
    stdout: "",
    stderr: "",
    terminal: false,
    checkpoint: "",
    rootfs: [],
  };
  const [asReaper, asRuntime] = [reaper as unknown as Reaper, runtime as unknown as OciRuntime];
  const heard = Promise.withResolvers<void>();
  const events = { exited: () => void told++, heard: () => heard.promise };
  const owner = { uid: 0, gid: 0 };
  const asRequest = request as unknown as CreateTaskRequest;
  const container = new Container(asRequest, io, asRuntime, owner, asReaper, "/tmp", events);
  await container.create(asRequest, "", false);
  container.created();
  await container.start("", () => {});
  const end = () => ended({ pid: 1, signal: 0, status: 3, at: { seconds: 1, nanos: 0 } });
  return { container, end, told: () => told, heard: heard.resolve };
}

test("an end is told when its output has been read, or not for too long", async () => {
  class Slow extends NullIO {
    left = 3;
    unread(): boolean {
      return this.left-- > 0;
    }
  }
  const slow = new Slow();
  const one = await running(slow);
  one.end();
  equal(one.told(), 0, "told before");
  await one.container.init.wait();
  equal([one.told(), slow.left, one.container.init.exitStatus], [1, -1, 3]);
  class Never extends NullIO {
    asked = 0;
    unread(): boolean {
      this.asked++;
      return true;
    }
  }
  const never = new Never();
  const other = await running(never);
  other.end();
  await other.container.init.wait();
  equal([other.told(), never.asked], [1, 201]);
  const plain = await running(new NullIO());
  plain.end();
  equal(plain.told(), 1, "told at once");
});

test("that memory ran out is heard of before the end it led to", async () => {
  const { container, end, told, heard } = await running(new NullIO());
  container.oom = { look: () => true, [Symbol.dispose]() {} };
  end();
  await loop().sleep(20);
  equal(told(), 0, "told before");
  heard();
  await container.init.wait();
  equal(told(), 1);
});

test("without a pid namespace of its own the container's end is told when what it left behind has been ended", async () => {
  const asked: string[] = [];
  let killed = () => {};
  const { container, end, told } = await running(new NullIO(), {
    create: async () => ({ pid: 1, sharedPids: true }),
    kill(signal: number, all: boolean): Promise<void> {
      asked.push(`kill ${signal} ${all}`);
      return new Promise((resolve) => (killed = resolve));
    },
    async ps(): Promise<number[]> {
      asked.push(`ps, told ${told()}`);
      return asked.length < 4 ? [2] : [];
    },
  });
  end();
  equal([told(), asked], [0, ["kill 9 true"]]);
  killed();
  await container.init.wait();
  equal([told(), asked.slice(1)], [1, ["ps, told 0", "ps, told 0", "ps, told 0"]]);
});

test("FifoIO.unread() says whether something lies in a FIFO", () => {
  const folder = `${environment().get("TMPDIR") ?? "/tmp"}/container-${getpid()}`;
  mkdirs(folder);
  const path = `${folder}/out`;
  mkfifo(path);
  const reader = open(path, O.RDONLY | O.NONBLOCK);
  const io = new FifoIO({ stdin: "", stdout: path, stderr: "", terminal: false }, { uid: 0, gid: 0 });
  const [, given] = io.open();
  equal(io.unread(), false, "nothing yet");
  native.syscall(NR.write, given!, native.bytes("hello"), 5);
  io.launched();
  equal(io.unread(), true, "five bytes");
  equal(native.syscall(NR.read, reader, new Uint8Array(9), 9), 5);
  equal(io.unread(), false, "taken");
  io.close();
  equal(io.unread(), false, "closed");
  close(reader);
  unlinkIfThere(path);
  rmdir(folder);
});
