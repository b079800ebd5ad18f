// What an attached client has not got when its container is deleted.
import { close, readText, setNonblocking, writeAll } from "../../../sys/fs.ts";
import { loop } from "../../../sys/loop.ts";
import { NR } from "../../../sys/nr.ts";
import { socketPair } from "../../../sys/socket.ts";
import { equal, test } from "../../../testing.ts";
import { SHIM } from "../../flags.ts";
import type { Reaper } from "../../reaper.ts";
import { Client, temporaryFile } from "./client.ts";

const AGAIN = -11;
const BIG = new Uint8Array(4 << 20).fill(0x78);
const reaper = { ignore: () => {} } as unknown as Reaper;

function attached(): { client: Client; peer: number } {
  const [ours, peer] = socketPair();
  for (const fd of [ours, peer]) setNonblocking(fd);
  const nothing = () => {};
  return { client: new Client(ours, { stdout: true }, false, "/tmp", nothing, nothing), peer };
}

async function restOf(peer: number): Promise<string> {
  const buffer = new Uint8Array(1 << 20);
  let text = "";
  for (;;) {
    await loop().readable(peer);
    const n = native.syscall(NR.read, peer, buffer, buffer.length);
    if (n === AGAIN) continue;
    if (n <= 0) break;
    text += native.utf8(buffer, 0, n);
  }
  close(peer);
  return text;
}

test("handOver(): a process of its own sends what the client has not got", async () => {
  const { client, peer } = attached();
  client.send("stdout", BIG, 0, BIG.length);
  client.end();
  let pid = 0;
  client.handOver({ ignore: (one: number) => void (pid = one) } as unknown as Reaper);
  // it waits for the client; of its name as much is shown as there was of this process's
  const room = readText("/proc/self/cmdline").length;
  const name = `${SHIM}\0rest`.slice(0, room);
  while (!readText(`/proc/${pid}/cmdline`).startsWith(name)) await loop().sleep(10);
  equal((await restOf(peer)).length, BIG.length);
});

test("handOver() without a process to be had: it is sent from here", async () => {
  const { client, peer } = attached();
  client.send("stdout", BIG, 0, BIG.length);
  client.end();
  const real = native.syscall;
  native.syscall = (nr: number, ...words: NativeWord[]) => (nr === NR.clone ? AGAIN : real(nr, ...words));
  try {
    client.handOver(reaper);
  } finally {
    native.syscall = real;
  }
  equal((await restOf(peer)).length, BIG.length);
});

test("handOver() of a client whose history is still being read: it gets that, and what came meanwhile", async () => {
  const { client, peer } = attached();
  client.hold();
  client.send("stdout", native.bytes("new"), 0, 3);
  client.end();
  client.handOver(reaper);
  const history = temporaryFile("/tmp");
  writeAll(history, native.bytes("old "));
  client.release(history, 4);
  equal(await restOf(peer), "old new");
});
