import { exists, mkdir, readDir, unlink, writeFile } from "../sys/fs.ts";
import { environment, exit, fork, getpid, wait } from "../sys/process.ts";
import { sleepSync } from "../sys/time.ts";
import { equal, test } from "../testing.ts";
import { remove } from "./delete.ts";
import { claim } from "./state.ts";

test("a forced removal waits for the end of who makes the container, and takes what that has made last", () => {
  const root = `${environment().get("TMPDIR") ?? "/tmp"}/runt-claim-${getpid()}`;
  mkdir(root, 0o700);
  const maker = fork();
  if (maker === 0) {
    const folder = claim(root, "made");
    writeFile(`${root}/begun`, "");
    sleepSync(300);
    writeFile(`${folder}/late`, "");
    exit(0);
  }
  while (!exists(`${root}/begun`)) sleepSync(1);
  remove(root, "made", true);
  equal(wait(maker)?.status, 0);
  equal(
    readDir(root).map(({ name }) => name),
    ["begun"],
  );
  unlink(`${root}/begun`);
  unlink(root, 0x200);
});
