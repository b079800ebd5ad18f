import { isCode } from "../../common/errors.ts";
import { DT_DIR, exists, mkdirs, readDir, readText, rmdir, unlink, writeFile } from "../sys/fs.ts";
import { environment, getpid } from "../sys/process.ts";
import { equal, ok, test, throws } from "../testing.ts";
import { findResctrl, hasSchema, joinRdt, joinRdtGroup, locateRdt, type RdtGroup, removeRdt } from "./intel-rdt.ts";

function removeTree(folder: string): void {
  for (const { name, type } of readDir(folder)) {
    if (type === DT_DIR) removeTree(`${folder}/${name}`);
    else unlink(`${folder}/${name}`);
  }
  rmdir(folder);
}

/** Runs `work` with a folder that has what resctrl has: no kernel here has the real one. What the kernel would fill is filled. */
function withResctrl(classes: readonly string[], work: (root: string) => void): void {
  const root = `${environment().get("TMPDIR") ?? "/tmp"}/resctrl-${getpid()}`;
  mkdirs(`${root}/info`);
  writeFile(`${root}/info/last_cmd_status`, "ok\n");
  for (const name of ["", ...classes]) {
    mkdirs(`${root}/${name}`);
    writeFile(`${root}/${name}/tasks`, "");
    writeFile(`${root}/${name}/schemata`, "    L3:0=fff;1=fff\n    MB:0=100;1=100\n");
  }
  try {
    work(root);
  } finally {
    removeTree(root);
  }
}

const noted: RdtGroup[] = [];
const note = (group: RdtGroup) => void noted.push({ ...group, made: [...group.made] });

test("findResctrl() finds the mount, or says that there is none", () => {
  const line = "30 25 0:26 / /sys/fs/resctrl rw,relatime - resctrl resctrl rw";
  equal(findResctrl(`22 1 8:1 / / rw - ext4 /dev/sda rw\n${line}\n`), "/sys/fs/resctrl");
  throws(
    () => findResctrl("22 1 8:1 / / rw - ext4 /dev/sda rw\n"),
    /linux\.intelRdt: no resctrl file system is mounted/,
  );
});

test("locateRdt(): the class by its name, by the container's, or the one that all begin in", () => {
  equal(locateRdt({ closID: "gold" }, "box", "/r"), "/r/gold");
  equal(locateRdt({}, "box", "/r"), "/r/box");
  equal(locateRdt({ closID: "/" }, "box", "/r"), "/r");
});

test("hasSchema() compares values, not texts", () => {
  const file = "    L3:0=fff;1=0f0\n    MB:0= 20;1= 70\n";
  ok(hasSchema(file, "L3:1=F0;0=fff"), "order, zeros, case");
  ok(hasSchema(file, "MB:0=20"), "a part");
  ok(!hasSchema(file, "L3:0=ff"), "another value");
  ok(!hasSchema(file, "L2:0=fff"), "another resource");
});

test("joinRdt() into a class that is there: joins, compares the old schemas, writes schemata", () => {
  withResctrl(["gold"], (root) => {
    const group = joinRdt({ closID: "gold", l3CacheSchema: "L3:0=fff" }, "box", 77, note, root);
    equal(group, { folder: `${root}/gold`, made: [] });
    equal(readText(`${root}/gold/tasks`), "77");
    throws(
      () => joinRdt({ closID: "gold", memBwSchema: "MB:0=30" }, "box", 77, note, root),
      /linux\.intelRdt: the class has another schema than "MB:0=30"/,
    );
    joinRdt({ closID: "gold", l3CacheSchema: "L3:0=fff", schemata: ["L3:0=f", "L2:0=1"] }, "box", 77, note, root);
    ok(readText(`${root}/gold/schemata`).startsWith("L3:0=f\nL2:0=1\n"), "only the schemata are written");
  });
});

test("joinRdt() refuses a class that is not there and has no schema", () => {
  withResctrl([], (root) => {
    throws(() => joinRdt({ closID: "silver" }, "box", 1, note, root), /closID: there is no class "silver"/);
    ok(!exists(`${root}/silver`), "nothing is made");
  });
});

test("joinRdt() takes back what it has made when the kernel refuses", () => {
  withResctrl([], (root) => {
    writeFile(`${root}/info/last_cmd_status`, "Need L3 and MB\n");
    noted.length = 0;
    // no file system of the kernel: the new folder has no schemata to write to
    const schemata = ["L3:0=1"];
    throws(() => joinRdt({ schemata }, "box", 1, note, root), /linux\.intelRdt: cannot set "L3:0=1": Need L3 and MB/);
    equal(noted, [{ folder: `${root}/box`, made: [`${root}/box`] }], "noted before it is made");
    ok(!exists(`${root}/box`), "removed again");
    throws(() => joinRdt({ closID: "new", schemata }, "box", 1, note, root), /cannot set "L3:0=1"/);
    ok(!exists(`${root}/new`), "one with a name too, when it failed");
  });
});

test("monitoring has a group of its own, which exec joins and delete removes; a named class stays", () => {
  withResctrl(["gold", "gold/mon_groups"], (root) => {
    const monitor = `${root}/gold/mon_groups/box`;
    const group: RdtGroup = { folder: `${root}/gold`, made: [monitor] };
    mkdirs(monitor);
    throws(() => joinRdtGroup(group, 5), /linux\.intelRdt: cannot join ".*mon_groups\/box"/);
    equal(readText(`${root}/gold/tasks`), "5");
    removeRdt(group);
    ok(!exists(monitor) && exists(`${root}/gold`), "the container's own goes");
    removeRdt(group);
    const error = throws(
      () => joinRdt({ closID: "gold", enableMonitoring: true }, "box", 6, note, root),
      /cannot join/,
    );
    ok(isCode(error, "FailedPrecondition") && !exists(monitor), "and is not left behind by a failure");
  });
});
