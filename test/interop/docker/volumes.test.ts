// The real docker CLI on our socket: volumes, named and anonymous, and tmpfs.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { build, Daemon } from "../e2e/daemon.ts";
import { commandLine } from "./command-line.ts";

let daemon: Daemon;
before(async () => {
  build();
  daemon = await Daemon.start();
  await daemon.busybox();
});
after(() => daemon[Symbol.asyncDispose]());

const { ok, refused } = commandLine(() => daemon);
const run = (...args: string[]) => ok("run", "--rm", "--network", "none", ...args);
const data = (name: string) => join(daemon.root, "volumes", name, "_data");
/** Folders of volumes, and whatever else lies there. */
const folders = () => readdirSync(join(daemon.root, "volumes")).sort();

test("docker volume create, ls, inspect, rm; they survive kill -9", async () => {
  assert.equal(await ok("volume", "create", "--label", "a=b", "v1"), "v1");
  assert.equal(await ok("volume", "create", "v1"), "v1");
  const anonymous = await ok("volume", "create");
  assert.match(anonymous, /^[0-9a-f]{64}$/);
  await daemon.restart("SIGKILL");
  const format = "{{.Name}} {{.Driver}} {{.Scope}} {{json .Labels}} {{json .Options}} {{.Mountpoint}}";
  assert.equal(await ok("volume", "inspect", "-f", format, "v1"), `v1 local local {"a":"b"} null ${data("v1")}`);
  assert.equal(await ok("volume", "ls", "-q", "--filter", "label=a"), "v1");
  assert.equal(await ok("volume", "ls", "-q", "--filter", "name=^v"), "v1");
  assert.equal((await ok("volume", "ls", "-q", "--filter", "dangling=true")).split("\n").length, 2);
  assert.equal(await ok("volume", "ls", "-q", "--filter", "dangling=0"), "");
  await refused(/invalid filter/, "volume", "ls", "--filter", "nosuch=1");
  await refused(/no such volume/, "volume", "inspect", "nosuch");
  await refused(/no such volume/, "volume", "rm", "nosuch");
  await ok("volume", "rm", "-f", "nosuch");
  await refused(/includes invalid characters/, "volume", "create", "../../etc");
  await refused(/plugin "nfsy" not found/, "volume", "create", "-d", "nfsy", "v2");
  await refused(/invalid option: "foo"/, "volume", "create", "-o", "foo=bar", "v2");
  await ok("volume", "rm", "v1", anonymous);
  assert.deepEqual(folders(), []);
});

test("a named volume keeps its content, is shared, and cannot be removed while a container has it", async () => {
  await run("-v", "shared:/data", "busybox", "sh", "-c", "echo kept > /data/f");
  assert.equal(await run("-v", "shared:/other:ro", "busybox", "cat", "/other/f"), "kept");
  await refused(
    /Read-only file system/,
    "run",
    "--rm",
    "--network",
    "none",
    "-v",
    "shared:/d:ro",
    "busybox",
    "touch",
    "/d/x",
  );
  const mount = "type=volume,source=shared,target=/m";
  await ok("run", "-d", "--network", "none", "--name", "user", "--mount", mount, "busybox", "sleep", "1000");
  const inspected = JSON.parse(await ok("inspect", "-f", "{{json .Mounts}}", "user"));
  const expected = {
    Type: "volume",
    Name: "shared",
    Source: data("shared"),
    Destination: "/m",
    Driver: "local",
    Mode: "z",
    RW: true,
    Propagation: "",
  };
  assert.deepEqual(inspected, [expected]);
  assert.equal(
    await ok("ps", "-q", "--no-trunc", "--filter", "volume=shared"),
    await ok("inspect", "-f", "{{.Id}}", "user"),
  );
  await refused(/volume is in use - \[[0-9a-f]{64}\]/, "volume", "rm", "shared");
  await ok("cp", "user:/m/f", join(daemon.dir, "f"));
  assert.equal(readFileSync(join(daemon.dir, "f"), "utf8"), "kept\n");
  await ok("stop", "-t", "0", "user");
  writeFileSync(join(daemon.dir, "g"), "copied\n");
  await ok("cp", join(daemon.dir, "g"), "user:/m/g");
  assert.equal(readFileSync(join(data("shared"), "g"), "utf8"), "copied\n");
  await refused(/in use/, "volume", "rm", "shared");
  await ok("rm", "-v", "user");
  assert.ok(existsSync(data("shared")), "rm -v leaves a named volume");
  await ok("volume", "rm", "shared");
  await daemon.clean();
});

test("the image's content is copied into a volume at its first use, and only then", async () => {
  await run("-v", "etc:/etc", "busybox", "sh", "-c", "[ -s /etc/passwd ] && echo changed > /etc/passwd");
  assert.equal(readFileSync(join(data("etc"), "passwd"), "utf8"), "changed\n");
  assert.equal(await run("-v", "etc:/etc", "busybox", "cat", "/etc/passwd"), "changed");
  await run("-v", "tmp:/tmp", "busybox", "true");
  assert.equal(statSync(data("tmp")).mode & 0o7777, 0o1777, "the directory's mode is the image's");
  await run("-v", "plain:/etc:nocopy", "busybox", "true");
  assert.ok(!existsSync(join(data("plain"), "passwd")));
  await run("--mount", "type=volume,source=plain2,target=/etc,volume-nocopy", "busybox", "true");
  assert.ok(!existsSync(join(data("plain2"), "passwd")));
  await refused(/cannot mount volume over existing file/, "create", "-v", "file:/etc/passwd", "busybox");
  await ok("volume", "rm", "etc", "tmp", "plain", "plain2", "file");
  assert.deepEqual(folders(), []);
  await daemon.clean();
});

test("docker cp into the volume of a container that never ran", async () => {
  writeFileSync(join(daemon.dir, "seed"), "seed\n");
  await ok("create", "--network", "none", "--name", "helper", "-v", "seeded:/a/deep/place", "busybox");
  await ok("cp", join(daemon.dir, "seed"), "helper:/a/deep/place/seed");
  assert.equal(readFileSync(join(data("seeded"), "seed"), "utf8"), "seed\n");
  assert.equal(await run("--volumes-from", "helper:ro", "busybox", "cat", "/a/deep/place/seed"), "seed");
  await refused(/^[^\n]*No such container: nosuch/, "create", "--volumes-from", "nosuch", "busybox");
  await refused(/plugin "nfsy" not found/, "create", "--volume-driver", "nfsy", "-v", "x1:/x", "busybox");
  await ok("rm", "helper");
  await ok("volume", "rm", "seeded");
  await daemon.clean();
});

test("anonymous volumes go with their container: --rm, rm -v, prune", async () => {
  await run("-v", "/anonymous", "busybox", "touch", "/anonymous/f");
  assert.deepEqual(folders(), []);
  await ok("create", "--network", "none", "--name", "one", "-v", "/anonymous", "busybox");
  await ok("rm", "one");
  assert.equal(folders().length, 1);
  await ok("create", "--network", "none", "--name", "two", "-v", "/anonymous", "busybox");
  await ok("rm", "-v", "two");
  assert.equal(folders().length, 1);
  await ok("volume", "create", "named");
  assert.match(await ok("volume", "prune", "-f"), /^Deleted Volumes:\n[0-9a-f]{64}\n/);
  assert.deepEqual(folders(), ["named"]);
  writeFileSync(join(data("named"), "f"), "x".repeat(200_000));
  assert.match(await ok("volume", "prune", "-a", "-f"), /named\n\nTotal reclaimed space: 2\d\d(\.\d+)?kB/);
  assert.deepEqual(folders(), []);
  await refused(
    /No such image|pull access|not found|connect/i,
    "create",
    "-v",
    "/anonymous",
    "--pull",
    "never",
    "nosuch:1",
  );
  assert.deepEqual(folders(), []);
  await daemon.clean();
});

test("volumes that stand for a mount: a bind and a tmpfs, mounted while they are used", async () => {
  const bound = join(daemon.dir, "bound");
  mkdirSync(bound);
  await ok("volume", "create", "-o", "type=none", "-o", "o=bind", "-o", `device=${bound}`, "b1");
  await run("-v", "b1:/b", "busybox", "sh", "-c", "echo through > /b/f");
  assert.equal(readFileSync(join(bound, "f"), "utf8"), "through\n");
  assert.deepEqual(readdirSync(data("b1")), []);
  await ok("volume", "create", "-o", "type=tmpfs", "-o", "device=tmpfs", "-o", "o=size=1m", "t1");
  await ok(
    "run",
    "-d",
    "--network",
    "none",
    "--name",
    "first",
    "-v",
    "t1:/t",
    "busybox",
    "sh",
    "-c",
    "echo shared > /t/f; sleep 1000",
  );
  assert.equal(
    await run("-v", "t1:/t", "busybox", "sh", "-c", "while [ ! -s /t/f ]; do sleep 0.1; done; cat /t/f"),
    "shared",
  );
  assert.equal(await ok("exec", "first", "cat", "/t/f"), "shared");
  await daemon.restart("SIGKILL");
  assert.equal(await run("-v", "t1:/t", "busybox", "cat", "/t/f"), "shared");
  await ok("rm", "-f", "first");
  await daemon.clean();
  await ok("volume", "create", "-o", "type=none", "-o", "o=bind", "-o", "device=/no/such/place", "b2");
  await refused(/failed to mount local volume/, "run", "--rm", "--network", "none", "-v", "b2:/b", "busybox", "true");
  await ok("volume", "rm", "b1", "t1", "b2");
  await daemon.clean();
});

test("--tmpfs and --mount type=tmpfs with size and mode", async () => {
  const mount = "type=tmpfs,target=/m,tmpfs-size=2097152,tmpfs-mode=0750";
  const seen = await run(
    "--tmpfs",
    "/t:size=1m,mode=700",
    "--mount",
    mount,
    "busybox",
    "sh",
    "-c",
    "grep -E ' /[tm] tmpfs' /proc/mounts; stat -c %a /t /m",
  );
  assert.match(seen, / \/t tmpfs \S*size=1024k\S*,mode=700/);
  assert.match(seen, / \/m tmpfs \S*size=2048k\S*,mode=750/);
  assert.match(seen, /\n700\n750$/);
  await daemon.clean();
});
