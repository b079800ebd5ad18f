// A group that does not freeze in time: what is told, and what it is left as. Files of an ordinary folder stand for the kernel's.
import { mkdirs, readText, rmdir, unlinkIfThere, writeFile } from "../sys/fs.ts";
import { exit, fork, getpid, wait } from "../sys/process.ts";
import { sleepSync } from "../sys/time.ts";
import { equal, test, throws } from "../testing.ts";
import { isFreezing, isFrozen, setFrozen } from "./freezer.ts";
import type { CgroupPaths } from "./paths.ts";

const folder = `/tmp/wharf-freezer-${getpid()}`;
const v2: CgroupPaths = { mode: "v2", paths: { "": folder } };
const v1: CgroupPaths = { mode: "v1", paths: { freezer: folder } };

function withFiles(files: Record<string, string>, work: () => void): void {
  mkdirs(folder);
  try {
    for (const [name, text] of Object.entries(files)) writeFile(`${folder}/${name}`, text);
    work();
  } finally {
    for (const name of Object.keys(files)) unlinkIfThere(`${folder}/${name}`);
    rmdir(folder);
  }
}

test("setFrozen() thaws what it gives up on", () => {
  withFiles({ "cgroup.freeze": "0", "cgroup.events": "populated 1\nfrozen 0\n" }, () => {
    throws(() => setFrozen(v2, true), /^the cgroup did not freeze in 2 s$/);
    equal(readText(`${folder}/cgroup.freeze`), "0");
  });
});

test("setFrozen() tells that it gave up also where it cannot thaw", () => {
  withFiles({ "cgroup.freeze": "0", "cgroup.events": "populated 1\nfrozen 0\n" }, () => {
    const pid = fork();
    if (pid === 0) {
      // long after it was asked to freeze, long before it is given up
      sleepSync(700);
      unlinkIfThere(`${folder}/cgroup.freeze`);
      exit(0);
    }
    throws(() => setFrozen(v2, true), /^the cgroup did not freeze in 2 s, and what froze of it cannot be thawed$/);
    wait(pid);
  });
});

test("isFrozen() and isFreezing() know v1's three words, and a group that is gone", () => {
  const seen = (state: string) => {
    let found: boolean[] = [];
    withFiles({ "freezer.state": `${state}\n` }, () => {
      found = [isFrozen(v1), isFreezing(v1)];
    });
    return found;
  };
  equal(seen("FROZEN"), [true, false]);
  equal(seen("FREEZING"), [false, true]);
  equal(seen("THAWED"), [false, false]);
  equal([isFrozen(v1), isFreezing(v1), isFrozen({ mode: "v1", paths: {} })], [false, false, false]);
});
