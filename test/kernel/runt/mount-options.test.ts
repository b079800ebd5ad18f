// Every word that mounts[].options may hold: what the kernel shows of the mount then.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { test } from "node:test";
import type { Mount, Spec } from "../../../src/common/oci/runtime.ts";
import { Bundle, RUNTIME } from "./bundle.ts";

interface Shown {
  /** Of the mount: ro, nosuid, relatime … */
  mount: string[];
  /** "shared", "master", "unbindable"; none: private. */
  propagation: string[];
  /** Of the file system: rw, sync, size=… */
  fs: string[];
}

/** /proc/self/mountinfo by mount point. */
function parse(mountinfo: string): Map<string, Shown> {
  return new Map(
    mountinfo
      .trim()
      .split("\n")
      .map((line) => {
        const [left = "", right = ""] = line.split(" - ");
        const fields = left.split(" ");
        const propagation = fields.slice(6).map((one) => one.split(":")[0]!);
        return [
          fields[4]!,
          { mount: fields[5]!.split(","), propagation, fs: right.split(" ").slice(2).join(" ").split(",") },
        ];
      }),
  );
}

/** Makes these mounts in a container and shows them. */
function shows(mounts: Mount[], change: (spec: Spec, box: Bundle) => void = () => {}): Map<string, Shown> {
  using box = new Bundle();
  box.spec.mounts!.push(...mounts);
  change(box.spec, box);
  return parse(box.sh("cat /proc/self/mountinfo"));
}

type Case = readonly [before: string[], has: string[], hasNot: string[]];

/** By word: what else is given before it, what is shown then, what is not. */
const FLAGS: Readonly<Record<string, Case>> = {
  defaults: [[], ["rw", "relatime"], ["ro", "nosuid", "nodev", "noexec"]],
  ro: [[], ["ro"], ["rw"]],
  rw: [["ro"], ["rw"], ["ro"]],
  nosuid: [[], ["nosuid"], []],
  suid: [["nosuid"], [], ["nosuid"]],
  nodev: [[], ["nodev"], []],
  dev: [["nodev"], [], ["nodev"]],
  noexec: [[], ["noexec"], []],
  exec: [["noexec"], [], ["noexec"]],
  noatime: [[], ["noatime"], ["relatime"]],
  atime: [["noatime"], ["relatime"], ["noatime"]],
  nodiratime: [[], ["nodiratime"], []],
  diratime: [["nodiratime"], [], ["nodiratime"]],
  relatime: [[], ["relatime"], ["noatime"]],
  norelatime: [["relatime"], ["relatime"], ["noatime"]],
  strictatime: [[], [], ["relatime", "noatime"]],
  nostrictatime: [["strictatime"], ["relatime"], []],
  nosymfollow: [[], ["nosymfollow"], []],
  symfollow: [["nosymfollow"], [], ["nosymfollow"]],
};

/** Of the file system as a whole. */
const SUPER: Readonly<Record<string, Case>> = {
  sync: [[], ["sync"], []],
  async: [["sync"], [], ["sync"]],
  dirsync: [[], ["dirsync"], []],
  lazytime: [[], ["lazytime"], []],
  nolazytime: [["lazytime"], [], ["lazytime"]],
};

/** Accepted; the kernel shows nothing of them, or has given them up (mand: Linux 5.15). */
const UNSEEN = ["iversion", "noiversion", "silent", "loud", "mand", "nomand"];

const PROPAGATION: Readonly<Record<string, readonly string[]>> = {
  private: [],
  rprivate: [],
  shared: ["shared"],
  rshared: ["shared"],
  slave: [],
  rslave: [],
  unbindable: ["unbindable"],
  runbindable: ["unbindable"],
};

/** On the whole tree: those before are set on the tree's inner mount beforehand. */
const RECURSIVE: Readonly<Record<string, Case>> = {
  rro: [[], ["ro"], ["rw"]],
  rrw: [["ro"], ["rw"], ["ro"]],
  rnosuid: [[], ["nosuid"], []],
  rsuid: [["nosuid"], [], ["nosuid"]],
  rnodev: [[], ["nodev"], []],
  rdev: [["nodev"], [], ["nodev"]],
  rnoexec: [[], ["noexec"], []],
  rexec: [["noexec"], [], ["noexec"]],
  rnodiratime: [[], ["nodiratime"], []],
  rdiratime: [["nodiratime"], [], ["nodiratime"]],
  rrelatime: [["noatime"], ["relatime"], ["noatime"]],
  rnorelatime: [["noatime"], ["relatime"], ["noatime"]],
  rnoatime: [[], ["noatime"], ["relatime"]],
  ratime: [["noatime"], ["relatime"], ["noatime"]],
  rstrictatime: [[], [], ["relatime", "noatime"]],
  rnostrictatime: [["strictatime"], ["relatime"], []],
  rnosymfollow: [[], ["nosymfollow"], []],
  rsymfollow: [["nosymfollow"], [], ["nosymfollow"]],
};

const OTHERS = ["bind", "rbind", "remount", "idmap", "ridmap", "tmpcopyup"];

function check(word: string, shown: readonly string[] | undefined, [, has, hasNot]: Case): void {
  assert.ok(shown, `${word}: no such mount`);
  for (const one of has) assert.ok(shown.includes(one), `${word}: ${one} is missing in ${shown.join(",")}`);
  for (const one of hasNot) assert.ok(!shown.includes(one), `${word}: ${one} is in ${shown.join(",")}`);
}

/** A folder of ours with a mount in it, at `in`, which has these flags. */
class Tree implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), "wharf-tree-"));
  constructor(options: readonly string[] = []) {
    mkdirSync(join(this.path, "in"));
    chmodSync(this.path, 0o755);
    execFileSync("mount", ["-t", "tmpfs", "-o", options.join(",") || "defaults", "tmpfs", join(this.path, "in")]);
  }
  [Symbol.dispose](): void {
    execFileSync("umount", [join(this.path, "in")]);
    rmSync(this.path, { recursive: true });
  }
}

test("mounts[].options: every word that features reports has its test here", () => {
  const { mountOptions } = JSON.parse(execFileSync(RUNTIME, ["features"], { encoding: "utf8" }));
  const tested = [FLAGS, SUPER, PROPAGATION, RECURSIVE].flatMap(Object.keys).concat(UNSEEN, OTHERS);
  assert.deepEqual([...mountOptions].sort(), tested.sort());
});

test("mounts[].options: flags of a new file system, and of a bind mount", () => {
  const mounts: Mount[] = [];
  using source = new Tree();
  for (const [word, [before]] of Object.entries({ ...FLAGS, ...SUPER })) {
    mounts.push({ destination: `/fs/${word}`, type: "tmpfs", source: "tmpfs", options: [...before, word] });
  }
  for (const [word, [before]] of Object.entries(FLAGS)) {
    const options = ["bind", ...before, word];
    mounts.push({ destination: `/bind/${word}`, type: "bind", source: source.path, options });
  }
  for (const word of UNSEEN)
    mounts.push({ destination: `/fs/${word}`, type: "tmpfs", source: "tmpfs", options: [word] });
  const shown = shows(mounts);
  for (const [word, one] of Object.entries(FLAGS)) {
    check(word, shown.get(`/fs/${word}`)?.mount, one);
    check(`bind ${word}`, shown.get(`/bind/${word}`)?.mount, one);
  }
  for (const [word, one] of Object.entries(SUPER)) check(word, shown.get(`/fs/${word}`)?.fs, one);
  for (const word of UNSEEN) assert.ok(shown.has(`/fs/${word}`), word);
});

test("mounts[].options: a word clears what the source of a bind mount has", () => {
  using source = new Tree(["ro", "nosuid", "nodev", "noexec", "noatime", "nodiratime"]);
  const inner = join(source.path, "in");
  const words = ["rw", "suid", "dev", "exec"];
  const times = ["atime", "diratime", "norelatime", "nostrictatime"];
  const mounts = [...words, ...times, "relatime"].map((word) => ({
    destination: `/on/${word}`,
    type: "bind",
    source: inner,
    options: ["bind", word],
  }));
  mounts.push({ destination: "/kept", type: "bind", source: inner, options: ["bind"] });
  const shown = shows(mounts);
  check("kept", shown.get("/kept")?.mount, [[], ["ro", "nosuid", "nodev", "noexec", "noatime", "nodiratime"], []]);
  for (const word of words)
    check(word, shown.get(`/on/${word}`)?.mount, [[], [], word === "rw" ? ["ro"] : [`no${word}`]]);
  // access times are kept until a kind of them is given, as with mount(8)
  for (const word of times) check(word, shown.get(`/on/${word}`)?.mount, [[], ["noatime", "nodiratime"], []]);
  check("relatime", shown.get("/on/relatime")?.mount, [[], ["relatime"], ["noatime", "nodiratime"]]);
});

test("mounts[].options: propagation, of one mount and of a tree", () => {
  using source = new Tree();
  const mounts = Object.keys(PROPAGATION).map((word) => ({
    destination: `/${word}`,
    type: "bind",
    source: source.path,
    options: ["rbind", word],
  }));
  const shown = shows(mounts);
  for (const [word, wanted] of Object.entries(PROPAGATION)) {
    const without = (path: string) => shown.get(path)?.propagation.filter((one) => one !== "master");
    assert.deepEqual(without(`/${word}`), wanted, word);
    if (word.startsWith("r")) assert.deepEqual(without(`/${word}/in`), wanted, `${word}, inner`);
    // what is made unbindable itself leaves the inner mount as it was
    else if (word === "unbindable") assert.deepEqual(without(`/${word}/in`), [], `${word}, inner`);
  }
});

test("mounts[].options: recursive attributes reach the mounts below", () => {
  for (const [word, one] of Object.entries(RECURSIVE)) {
    using source = new Tree(one[0]);
    const shown = shows([{ destination: "/tree", type: "bind", source: source.path, options: ["rbind", word] }]);
    check(word, shown.get("/tree/in")?.mount, one);
    check(word, shown.get("/tree")?.mount, one);
  }
});

test("mounts[].options: bind takes one mount, rbind the tree, remount changes what is there", () => {
  using source = new Tree();
  const bind = (destination: string, word: string) => ({
    destination,
    type: "none",
    source: source.path,
    options: [word],
  });
  const again = { destination: "/new", type: "tmpfs", source: "tmpfs", options: ["remount", "ro", "size=2m"] };
  const fresh = { destination: "/new", type: "tmpfs", source: "tmpfs", options: ["size=1m"] };
  const shown = shows([bind("/one", "bind"), bind("/all", "rbind"), fresh, again]);
  assert.ok(shown.has("/one") && !shown.has("/one/in"));
  assert.ok(shown.has("/all") && shown.has("/all/in"));
  assert.ok(shown.get("/new")!.mount.includes("ro") || shown.get("/new")!.fs.includes("ro"));
  assert.ok(shown.get("/new")!.fs.includes("size=2048k"), shown.get("/new")!.fs.join());
});

test("mounts[].type: any that the kernel has, as an overlay of folders of the host", () => {
  using box = new Bundle();
  const [lower, upper] = ["lower", "upper"].map((name) => join(box.dir, name));
  for (const [folder, name] of [
    [lower!, "one"],
    [lower!, "both"],
    [upper!, "two"],
    [upper!, "both"],
  ] as const) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, name), `${name} of ${basename(folder)}\n`);
  }
  const options = [`lowerdir=${upper}:${lower}`, "nodev"];
  box.spec.mounts!.push({ destination: "/mnt", type: "overlay", source: "overlay", options });
  const shown = box.sh("cat /mnt/one /mnt/two /mnt/both; grep ' /mnt ' /proc/self/mounts");
  assert.match(shown, /^one of lower\ntwo of upper\nboth of upper\noverlay \/mnt overlay (ro|rw),nodev,.*lowerdir=/);
});

test("mounts[].options: unknown words are the file system's, and a bind mount has none", () => {
  using box = new Bundle();
  box.spec.mounts!.push({ destination: "/x", type: "tmpfs", source: "tmpfs", options: ["nosuchword"] });
  box.write();
  assert.match(box.runt("run", box.id).err, /mounts\[5\].*tmpfs.*EINVAL/);
  Object.assign(box.spec.mounts!.at(-1)!, { type: "bind", source: "/etc", options: ["rbind", "size=1m"] });
  box.write();
  assert.match(
    box.runt("run", box.id).err,
    /mounts\[5\]\.options: a bind mount has no options of a file system: "size=1m"/,
  );
});

const mapping = (hostID: number) => [{ containerID: 0, hostID, size: 1000 }];

test("mounts[].uidMappings, gidMappings: idmap for one mount, ridmap for the tree, each with a mapping of its own", () => {
  using source = new Tree();
  for (const file of ["outer", "in/inner"]) writeFileSync(join(source.path, file), "");
  using box = new Bundle();
  const add = (destination: string, word: string, uid: number, gid: number) =>
    box.spec.mounts!.push({
      destination,
      type: "bind",
      source: source.path,
      options: ["rbind", word],
      uidMappings: mapping(uid),
      gidMappings: mapping(gid),
    });
  add("/one", "idmap", 4000, 5000);
  add("/all", "ridmap", 6000, 7000);
  const owners = box.sh("stat -c %u:%g /one/outer /one/in/inner /all/outer /all/in/inner").trim().split("\n");
  assert.deepEqual(owners, ["4000:5000", "0:0", "6000:7000", "6000:7000"]);
});

test("mounts[].options: idmap without mappings takes the container's, and needs a user namespace then", () => {
  using source = new Tree();
  writeFileSync(join(source.path, "file"), "");
  const mount = { destination: "/m", type: "bind", source: source.path, options: ["bind", "idmap"] };
  using box = new Bundle((spec) => {
    const mappings = [{ containerID: 0, hostID: 100000, size: 65536 }];
    spec.linux!.namespaces!.push({ type: "user" });
    Object.assign(spec.linux!, { uidMappings: mappings, gidMappings: mappings });
    spec.mounts!.push(mount);
  });
  chmodSync(box.dir, 0o755);
  for (const folder of ["tmp", "dev"]) chmodSync(join(box.rootfs, folder), 0o777);
  mkdirSync(join(box.rootfs, "m"));
  assert.equal(box.sh("stat -c %u /m/file"), "0\n");
  using without = new Bundle((spec) => void spec.mounts!.push(mount));
  assert.match(without.runt("run", without.id).err, /mounts\[5\].*idmap without mappings needs .*user namespace/);
  using half = new Bundle((spec) => void spec.mounts!.push({ ...mount, uidMappings: mapping(1) }));
  assert.match(
    half.runt("run", half.id).err,
    /mounts\[5\]\.uidMappings: an idmapped mount needs uidMappings and gidMappings/,
  );
  using tmpfs = new Bundle((spec) => void spec.mounts!.push({ ...mount, type: "tmpfs", options: ["idmap"] }));
  assert.match(tmpfs.runt("run", tmpfs.id).err, /mounts\[5\]\.options: only bind mounts can be idmapped/);
});

test("linux.rootfsPropagation: the host loses no mount and gets none, whatever the word, where its own are shared", () => {
  for (const word of ["private", "rprivate", "slave", "rslave", "shared", "rshared", "unbindable", "runbindable"]) {
    for (const flags of ["", "--no-pivot"]) {
      using box = new Bundle((spec) => void (spec.linux!.rootfsPropagation = word));
      // the bundle on a shared mount of its own, as many hosts have it
      const run = `${RUNTIME} --root ${box.state} run ${flags} --bundle ${box.dir} ${box.id} < /dev/null`;
      const list = (file: string) => `cut -d' ' -f5 /proc/self/mountinfo > ${join(box.dir, file)}`;
      const host = [`mount --bind ${box.dir} ${box.dir}`, "mount --make-rshared /", list("before")];
      const script = [...host, `unshare -m --propagation unchanged sh -c '${run}'`, list("after")].join("; ");
      execFileSync("unshare", ["-m", "sh", "-c", script]);
      const [before, after] = ["before", "after"].map((file) => readFileSync(join(box.dir, file), "utf8").split("\n"));
      const now = readFileSync("/proc/self/mountinfo", "utf8");
      // others come and go: a mount leaves every namespace with the folder it lies on
      const stays = (path: string) => path.startsWith(box.dir) || now.includes(` ${path} `);
      const lost = before!.filter((path) => !after!.includes(path) && stays(path));
      const gained = after!.filter((path) => !before!.includes(path));
      assert.deepEqual([lost, gained], [[], []], `${word} ${flags}`);
    }
  }
});

test("linux.rootfsPropagation: what a mount made later here does in the container", () => {
  for (const [word, wanted] of [
    ["private", []],
    ["rprivate", []],
    ["slave", []],
    ["shared", ["shared"]],
    ["rshared", ["shared"]],
    ["unbindable", ["unbindable"]],
  ] as const) {
    const root = shows([], (spec) => void (spec.linux!.rootfsPropagation = word)).get("/")!;
    assert.deepEqual(
      root.propagation.filter((one) => one !== "master"),
      wanted,
      word,
    );
  }
});
