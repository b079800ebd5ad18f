// What a container costs in memory beside its own processes: the pages that its shim has to itself when it waits.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { settles } from "../../support/until.ts";
import { Api } from "../docker/client.ts";
import { build, Daemon } from "./daemon.ts";

before(build);

/**
 * KiB of pages that are no file's. Of the image 12 where the build could lay it out by runs, and up to 56 where it could not; of all else 164 when the
 * container has been started, and 192 after 30 execs; before what is free is given back it is 228 and more.
 */
const IMAGE = 80;
const STARTED = 208;
const WORKED = 232;

function shimOf(daemon: Daemon, id: string): number {
  const init = Number(readFileSync(join(daemon.state, "tasks/moby", id, "init.pid"), "utf8"));
  return Number(readFileSync(`/proc/${init}/stat`, "utf8").split(") ")[1]!.split(" ")[1]);
}

/** KiB of the engine's image (native/arena.h has the address) that this process has written to, and of all that is no file's beside it. */
function own(pid: number): { image: number; rest: number } {
  const maps = readFileSync(`/proc/${pid}/smaps`, "utf8").split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m);
  const sum = (some: string[]) => some.reduce((n, map) => n + Number(/^Anonymous:\s+(\d+)/m.exec(map)![1]), 0);
  const isImage = (map: string) => map.startsWith("1000000000-");
  return { image: sum(maps.filter(isImage)), rest: sum(maps.filter((map) => !isImage(map))) };
}

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
  const settled = async (id: string, limit: number) => {
    const few = ({ image, rest }: ReturnType<typeof own>) =>
      assert.ok(image <= IMAGE && rest <= limit, `${image}, ${rest}`);
    return JSON.stringify(await settles(() => own(shimOf(daemon, id)), few));
  };
  for (const id of ids) t.diagnostic(`started: ${await settled(id, STARTED)}`);
  const [first = ""] = ids;
  for (let i = 0; i < 30; i++) {
    const { code, stdout } = await daemon.wharf(["exec", first, "echo", String(i)]);
    assert.deepEqual([code, stdout], [0, `${i}\n`]);
  }
  t.diagnostic(`after 30 execs: ${await settled(first, WORKED)}`);
  for (const id of ids) await api.remove(id);
  await daemon.clean();
});
