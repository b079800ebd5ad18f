// What a container costs in memory beside its own processes: the pages that its shim has to itself when it waits.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { Api } from "../docker/client.ts";
import { build, Daemon, until } from "./daemon.ts";

before(build);

/**
 * KiB of pages that are no file's. It is 160 or less where the build could lay the image out by runs, and up to 64 more where it could not; what is
 * never given back, or is written to all over the image, goes beyond.
 */
const LIMIT = 240;

function shimOf(daemon: Daemon, id: string): number {
  const init = Number(readFileSync(join(daemon.state, "tasks/moby", id, "init.pid"), "utf8"));
  return Number(readFileSync(`/proc/${init}/stat`, "utf8").split(") ")[1]!.split(" ")[1]);
}

const anonymous = (pid: number) =>
  Number(/^Anonymous:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))![1]);

test("a shim that waits has few pages of its own, also after it has had work", async (t) => {
  await using daemon = await Daemon.start();
  await daemon.busybox();
  const api = new Api(() => daemon.socket);
  const start = async () => {
    const id = await api.create({ Cmd: ["sleep", "1000"], HostConfig: { NetworkMode: "none" } });
    await api.start(id);
    return id;
  };
  const ids = [await start(), await start(), await start()];
  const settled = (id: string) => {
    const pid = shimOf(daemon, id);
    return until(`no more than ${LIMIT} KiB`, () => anonymous(pid) <= LIMIT && anonymous(pid), 60_000);
  };
  for (const id of ids) t.diagnostic(`started: ${await settled(id)} KiB`);
  const [first = ""] = ids;
  for (let i = 0; i < 30; i++) {
    const { code, stdout } = await daemon.wharf(["exec", first, "echo", String(i)]);
    assert.deepEqual([code, stdout], [0, `${i}\n`]);
  }
  t.diagnostic(`after 30 execs: ${await settled(first)} KiB`);
  for (const id of ids) await api.remove(id);
  await daemon.clean();
});
