// A hostile process exchanges folders for links in the root, or in a volume it shares, while containers start.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Bundle } from "./bundle.ts";
import { exchanging } from "./racer.ts";

const ROUNDS = 30;

/** A folder of the host in which nothing must change; with one that has a file in it. */
class Outside implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), "wharf-outside-"));
  constructor() {
    mkdirSync(join(this.path, "there"));
    writeFileSync(join(this.path, "there/file"), "untouched");
  }
  check(when: string): void {
    assert.deepEqual(readdirSync(this.path), ["there"], when);
    assert.deepEqual(readdirSync(join(this.path, "there")), ["file"], when);
    assert.equal(readFileSync(join(this.path, "there/file"), "utf8"), "untouched", when);
  }
  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true });
  }
}

/** Runs it again and again, and checks after each; on until one has done what it should: that is what the hostile one waits for. */
function rounds(box: Bundle, check: (when: string) => void): void {
  let started = 0;
  for (let i = 0; i < 300 && (i < ROUNDS || started === 0); i++) {
    const { out } = box.runt("run", box.id);
    if (/^started\r?\n$/.test(out)) started++;
    check(`in round ${i}: ${out}`);
  }
  assert.ok(started > 0, "now and then one starts");
}

const STARTED = ["echo", "started"];

const bind = (source: string, destination: string) => ({ source, destination, type: "bind", options: ["rbind"] });

test("a folder exchanged for a symlink in a loop while containers start leads no mount outside (CVE-2021-30465)", async () => {
  using outside = new Outside();
  using box = new Bundle((spec) => {
    spec.mounts!.push({ destination: "/shared/target/inner", type: "tmpfs", source: "tmpfs" });
    spec.process!.args = STARTED;
  });
  const shared = join(box.rootfs, "shared");
  mkdirSync(join(shared, "target"), { recursive: true });
  symlinkSync(outside.path, join(shared, "link"));
  await using _racer = await exchanging(shared, "target", "link");
  rounds(box, (when) => outside.check(when));
});

test("folders exchanged for links in a volume lead nothing out: mounts, files, devices, masks, working folders (CVE-2021-30465, CVE-2024-45310)", async () => {
  using outside = new Outside();
  using box = new Bundle((spec) => {
    spec.process!.args = STARTED;
    spec.process!.cwd = "/shared/turn/made/cwd";
  });
  // a volume that the hostile one shares with the container that is being made
  const volume = join(box.dir, "volume");
  mkdirSync(join(volume, "turn/there"), { recursive: true });
  symlinkSync(outside.path, join(volume, "link"));
  writeFileSync(join(box.dir, "file"), "bound");
  box.spec.mounts!.push(
    bind(volume, "/shared"),
    { destination: "/shared/turn/made/fs", type: "tmpfs", source: "tmpfs" },
    bind(join(box.dir, "file"), "/shared/turn/made/file"),
    bind(join(box.dir, "file"), "/shared/turn/there/file"),
    bind(volume, "/shared/turn/there/folder"),
  );
  box.spec.linux!.devices = [{ path: "/shared/turn/made/null", type: "c", major: 1, minor: 3 }];
  box.spec.linux!.maskedPaths = ["/shared/turn/there"];
  box.spec.linux!.readonlyPaths = ["/shared/turn/made"];
  box.write();
  await using _racer = await exchanging(volume, "turn", "link");
  rounds(box, (when) => outside.check(when));
});

test("a root whose folders are exchanged in a loop: no mount of a container's is left on the host", async () => {
  using outside = new Outside();
  using box = new Bundle((spec) => {
    spec.process!.args = STARTED;
    spec.mounts!.push({ destination: "/turn/a/b", type: "tmpfs", source: "tmpfs" });
  });
  mkdirSync(join(box.rootfs, "turn/a/b"), { recursive: true });
  symlinkSync(`/proc/self/root${outside.path}`, join(box.rootfs, "link"));
  await using _racer = await exchanging(box.rootfs, "turn", "link");
  const mounts = () =>
    readFileSync("/proc/self/mountinfo", "utf8")
      .split("\n")
      .filter((line) => line.includes(box.dir) || line.includes(outside.path));
  rounds(box, (when) => {
    outside.check(when);
    assert.deepEqual(mounts(), [], when);
  });
});

test("/proc exchanged for a link in a loop: no container starts that reaches a procfs without its masks (CVE-2019-19921, CVE-2023-27561)", async () => {
  using box = new Bundle((spec) => {
    spec.linux!.maskedPaths = ["/proc/version"];
    spec.linux!.readonlyPaths = ["/proc/sys"];
    // whatever has become of the names: what is masked shows nothing, and what is read-only cannot be written to
    const look = "[ -e $p/self/stat ] || continue; cat $p/version; echo 1 > $p/sys/net/ipv4/ip_forward && echo written";
    spec.process!.args = [
      "sh",
      "-c",
      `for p in /proc /proc-link /elsewhere; do ${look}; done 2> /dev/null; echo started`,
    ];
  });
  mkdirSync(join(box.rootfs, "elsewhere"));
  symlinkSync("/elsewhere", join(box.rootfs, "proc-link"));
  await using _racer = await exchanging(box.rootfs, "proc", "proc-link");
  // what the image has under that name says nothing
  rounds(box, (when) => assert.match(when, /^in round \d+: (started\n)?$/));
});

test("/dev exchanged for a link in a loop: devices and the terminal arrive nowhere else (CVE-2025-52565)", async () => {
  using outside = new Outside();
  using box = new Bundle((spec) => {
    spec.process!.terminal = true;
    spec.linux!.devices = [{ path: "/dev/there/device", type: "c", major: 1, minor: 3 }];
    spec.process!.args = STARTED;
  });
  const fake = join(box.rootfs, "fake");
  mkdirSync(fake);
  symlinkSync(join(outside.path, "there/file"), join(fake, "console"));
  symlinkSync(outside.path, join(fake, "there"));
  symlinkSync("/fake", join(box.rootfs, "dev-link"));
  await using _racer = await exchanging(box.rootfs, "dev", "dev-link");
  rounds(box, (when) => outside.check(when));
});
