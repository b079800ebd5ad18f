// The real docker CLI on our socket: cp both ways and diff, also where an image or a container is hostile.
import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
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
const here = (...parts: string[]) => join(daemon.dir, ...parts);

for (const state of ["running", "stopped"] as const) {
  test(`docker cp both ways, container ${state}`, async () => {
    const host = here(`cp-${state}`);
    mkdirSync(join(host, "tree/sub"), { recursive: true });
    mkdirSync(join(host, "bound"));
    writeFileSync(join(host, "tree/sub/file"), "in a tree\n", { mode: 0o640 });
    symlinkSync("sub/file", join(host, "tree/link"));
    writeFileSync(join(host, "one"), "one\n");
    writeFileSync(join(host, "bound/b"), "bound\n");
    const flags = ["--network", "none", "--name", "c1", "-v", `${join(host, "bound")}:/mnt/b`];
    await ok("run", "-d", ...flags, "busybox", "sh", "-c", "mkdir /out; echo made >/out/f; ln -s f /out/l; sleep 1000");
    await daemon.docker(["exec", "c1", "sh", "-c", "while [ ! -e /out/l ]; do sleep 0.1; done"]);
    if (state === "stopped") await ok("stop", "-t", "0", "c1");
    await ok("cp", join(host, "one"), "c1:/tmp/renamed");
    await ok("cp", join(host, "tree"), "c1:/tmp/");
    await ok("cp", `${join(host, "tree")}/.`, "c1:/tmp/");
    await ok("cp", "c1:/out", join(host, "got"));
    assert.equal(readFileSync(join(host, "got/f"), "utf8"), "made\n");
    assert.equal(readlinkSync(join(host, "got/l")), "f");
    await ok("cp", "-L", "c1:/out/l", join(host, "followed"));
    assert.equal(readFileSync(join(host, "followed"), "utf8"), "made\n");
    await ok("cp", "c1:/tmp/tree/sub/file", join(host, "back"));
    assert.equal(readFileSync(join(host, "back"), "utf8"), "in a tree\n");
    assert.equal(statSync(join(host, "back")).mode & 0o777, 0o640);
    await ok("cp", "c1:/tmp/link", join(host, "link2"));
    assert.equal(readlinkSync(join(host, "link2")), "sub/file");
    await ok("cp", "c1:/mnt/b/b", join(host, "b2"));
    assert.equal(readFileSync(join(host, "b2"), "utf8"), "bound\n");
    await ok("cp", join(host, "one"), "c1:/mnt/b/new");
    assert.equal(readFileSync(join(host, "bound/new"), "utf8"), "one\n");
    const tar = await daemon.docker(["cp", "c1:/tmp/renamed", "-"]);
    assert.equal(tar.code, 0);
    assert.ok(tar.stdout.startsWith("renamed\0"));
    const whole = await daemon.docker(["cp", "c1:/", "-"]);
    assert.equal(whole.code, 0, whole.stderr);
    assert.ok(whole.stdout.includes("bound\n") && whole.stdout.includes("made\n"));
    await ok("cp", "c1:/proc", join(host, "proc"));
    assert.deepEqual(readdirSync(join(host, "proc")), [], "nothing of the kernel's");
    await refused(/Could not find the file \/nosuch in container c1/, "cp", "c1:/nosuch", host);
    await refused(/no such directory|Could not find|not a directory/i, "cp", join(host, "one"), "c1:/no/such/place/");
    await refused(/not a directory|cannot copy/i, "cp", join(host, "tree"), "c1:/tmp/renamed");
    await ok("rm", "-f", "c1");
    await daemon.clean();
  });
}

test("links in a container lead nowhere outside it (CVE-2018-15664, CVE-2019-14271)", async () => {
  const victim = here("victim");
  mkdirSync(victim);
  writeFileSync(join(victim, "secret"), "host\n");
  await ok(
    "run",
    "--network",
    "none",
    "--name",
    "evil",
    "busybox",
    "sh",
    "-c",
    `mkdir -p /a; ln -s ${victim} /a/out; ln -s ../../../../../../..${victim} /a/up`,
  );
  writeFileSync(here("payload"), "payload\n");
  for (const link of ["out", "up"]) {
    await refused(/Could not find|no such/i, "cp", `evil:/a/${link}/secret`, here("stolen"));
    await daemon.docker(["cp", here("payload"), `evil:/a/${link}/secret`]);
    await daemon.docker(["cp", here("payload"), `evil:/a/${link}/new`]);
  }
  assert.ok(!existsSync(here("stolen")));
  assert.equal(readFileSync(join(victim, "secret"), "utf8"), "host\n");
  assert.ok(!existsSync(join(victim, "new")));
  await ok("rm", "evil");
  await daemon.clean();
});

test("docker cp into what is read-only is refused", async () => {
  writeFileSync(here("ro"), "x");
  await ok(
    "run",
    "-d",
    "--network",
    "none",
    "--name",
    "ro",
    "--read-only",
    "-v",
    `${daemon.dir}:/m:ro`,
    "busybox",
    "sleep",
    "1000",
  );
  await refused(/read-only/, "cp", here("ro"), "ro:/etc/x");
  await refused(/read-only/, "cp", here("ro"), "ro:/m/x");
  await ok("stop", "-t", "0", "ro");
  await refused(/read-only/, "cp", here("ro"), "ro:/m/x");
  await ok("rm", "ro");
  await daemon.clean();
});

test("docker diff tells what was changed, added and deleted, and nothing of our own making", async () => {
  await ok("run", "--network", "none", "--name", "same", "busybox", "true");
  assert.equal(await ok("diff", "same"), "");
  const script =
    "echo x >/etc/passwd; mkdir -p /new/deep; echo 1 >/new/deep/f; rm /bin/vi; chmod 711 /root; touch /tmp/t; rm /tmp/t";
  await ok("run", "--network", "none", "--name", "other", "busybox", "sh", "-c", script);
  const lines = (await ok("diff", "other")).split("\n").sort();
  assert.deepEqual(lines, [
    "A /new",
    "A /new/deep",
    "A /new/deep/f",
    "C /bin",
    "C /etc",
    "C /etc/passwd",
    "C /root",
    "D /bin/vi",
  ]);
  await ok("rm", "same", "other");
  await daemon.clean();
});
