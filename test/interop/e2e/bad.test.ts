// Bad input from a registry, a disk and the user: a clear error with the right exit code, nothing lost, nothing left behind.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { gzipSync } from "node:zlib";
import { dir, file, hardlink, type RawEntry, symlink, tar } from "../../kernel/layer/support.ts";
import { uniqueName } from "../../support/run.ts";
import { execute, type Result } from "../cli/program.ts";
import { type FaultyProxy, startFaultyProxy } from "../registry/faulty.ts";
import { type RegistryProcess, startRegistry } from "../registry/support.ts";
import { BIN, build, Daemon } from "./daemon.ts";
import { busyboxTar, type ImageSpec, makeLayout, push } from "./layouts.ts";

let daemon: Daemon;
let registry: RegistryProcess;
let proxy: FaultyProxy;
let base: Buffer;
let count = 0;

before(async () => {
  build();
  daemon = await Daemon.start();
  registry = await startRegistry();
  proxy = await startFaultyProxy(registry.port);
  base = busyboxTar(join(daemon.dir, "base"), { "etc/base": "base\n" });
  await daemon.busybox();
});
after(async () => {
  await proxy[Symbol.asyncDispose]();
  await registry[Symbol.asyncDispose]();
  await daemon[Symbol.asyncDispose]();
});

const folder = () => join(daemon.dir, `f${count++}`);

/** Pushes an image; its name through the proxy. */
async function image(...specs: ImageSpec[]): Promise<string> {
  const path = `test/i${count++}:v1`;
  await push(makeLayout(folder(), ...specs), `${registry.host}/${path}`);
  return `${proxy.host}/${path}`;
}

/** Fails as said, in one line and perhaps a hint, and leaves nothing but the beginnings of blobs that a retry takes up. */
async function refuses(attempt: Promise<Result>, code: number, message: RegExp): Promise<void> {
  const { stderr, code: got } = await attempt;
  assert.match(stderr, message);
  assert.equal(got, code, stderr);
  assert.doesNotMatch(stderr, /\n {4}at |undefined|\[object/);
  assert.ok(stderr.split("\n").filter((line) => line.startsWith("wharf: ")).length === 1, stderr);
  const left = [...daemon.leftovers(), ...daemon.strays().filter((line) => !line.startsWith("ingest"))];
  if (left.length > 0) await daemon.clean(message.source);
  assert.equal(await daemon.ok("ps", "-aq"), "");
}

test("an unknown image, an unknown registry, a name that is none", async () => {
  await refuses(
    daemon.wharf(["pull", `${registry.host}/no/such:image`]),
    1,
    /^wharf: .*unknown.*pull image "localhost:\d+\/no\/such:image"/im,
  );
  await refuses(daemon.run([`${registry.host}/no/such:image`, "true"]), 125, /no\/such:image/);
  await refuses(daemon.wharf(["pull", "localhost:1/x:y"]), 1, /localhost:1.*(refused|ECONNREFUSED)/);
  await refuses(daemon.wharf(["pull", "UPPER/Case"]), 1, /UPPER\/Case|lower case|invalid reference/i);
  await refuses(daemon.run(["--pull", "never", "nowhere:x", "true"]), 125, /nowhere:x/);
});

test("a blob whose bytes are not those of its digest, over and over", async () => {
  const name = await image({ layers: [{ tar: base }] });
  proxy.faults.push({ match: /GET .*\/blobs\//, corruptAt: 1000 });
  await refuses(daemon.wharf(["pull", name]), 1, /^wharf: .*(digest|sha256:)/m);
  proxy.faults.length = 0;
  assert.equal((await daemon.run([name, "cat", "/etc/base"])).stdout, "base\n");
  await daemon.clean();
});

test("a manifest that is not what its digest says", async () => {
  const own = { tar: tar(file("own")) };
  const name = await image({ layers: [{ tar: base }, own] }, { layers: [own], architecture: "arm64" });
  proxy.faults.push({ match: /GET .*\/manifests\/sha256/, corruptAt: 30 });
  await refuses(daemon.wharf(["pull", name]), 1, /^wharf: .*(digest|sha256:)/m);
  proxy.faults.length = 0;
});

test("a layer that ends too soon on the way: taken up again; one whose blob itself is cut: said", async () => {
  const data = Buffer.from(execFileSync("head", ["-c", "300000", "/dev/urandom"]));
  // other trees than before: what is unpacked already is not fetched at all
  const own = tar(file("data", "", { data }));
  const name = await image({ layers: [{ tar: base }, { tar: tar(file("first", "", { data })) }] });
  proxy.faults.push({ match: /GET .*\/blobs\//, dropAfter: 100_000, times: 2 });
  assert.equal((await daemon.run([name, "wc", "-c", "/first"])).stdout, "300000 /first\n");
  proxy.faults.length = 0;
  const packed = gzipSync(own);
  for (const [blob, message] of [
    [packed.subarray(0, packed.length - 5000), /^wharf: .*(truncated|end|incomplete|short)/im],
    [Buffer.from("this is no gzip, but long enough to look at"), /^wharf: .*(gzip|compress|format|header|tar)/im],
    [gzipSync(tar(file("other"))), /^wharf: .*(diff id|sha256:|digest)/im],
  ] as const) {
    const broken = await image({ layers: [{ tar: base }, { tar: own, blob }] });
    await refuses(daemon.wharf(["pull", broken]), 1, message);
  }
});

test("a configuration with a wrong type, without rootfs, that is no JSON", async () => {
  const typed = await image({ layers: [{ tar: base }], config: { config: { Cmd: "sh" } } });
  await refuses(daemon.wharf(["pull", typed]), 1, /^wharf: .*Cmd/m);
  const counted = await image({ layers: [{ tar: base }], config: { rootfs: { type: "layers", diff_ids: [] } } });
  await refuses(daemon.wharf(["pull", counted]), 1, /^wharf: .*(1 layers?|diff ids)/m);
  const none = await image({ layers: [{ tar: base }], config: { rootfs: undefined } });
  await refuses(daemon.wharf(["pull", none]), 1, /^wharf: .*rootfs/m);
});

const HOSTILE: Record<string, [RawEntry[], RegExp]> = {
  "..": [[file("../../../../escaped", "bad")], /"\.\.\/\.\.\/\.\.\/\.\.\/escaped"/],
  "hard link out": [[hardlink("in", "../../../escaped")], /leads out/],
  "symlink, then a file through it": [[symlink("way", "/tmp"), file("way/wharf-escaped", "bad")], /./],
  "hard link to nothing": [[hardlink("in", "no/such")], /no\/such/],
  "a size beyond the end": [[file("x", "y", { size: 1 << 20 })], /end|truncated|short/i],
  "a bad checksum": [[{ ...file("x", "y"), edit: (block) => void block.fill(0xff, 124, 136) }], /./],
};

test("hostile layers: nothing outside the snapshot is touched", async () => {
  rmSync("/tmp/wharf-escaped", { force: true });
  for (const [what, [entries, message]] of Object.entries(HOSTILE)) {
    const name = await image({ layers: [{ tar: base }, { tar: tar(...entries) }] });
    const { stderr, code } = await daemon.wharf(["pull", name]);
    assert.ok(!existsSync("/tmp/wharf-escaped"), what);
    assert.ok(!existsSync(join(daemon.root, "escaped")) && !existsSync("/escaped"), what);
    if (what.startsWith("symlink")) {
      // Allowed in a layer, and stays inside: the link is followed below the container's own root.
      if (code === 0) assert.equal((await daemon.run([name, "cat", "/tmp/wharf-escaped"])).stdout, "bad");
    } else {
      assert.equal(code, 1, what);
      assert.match(stderr, message, what);
    }
  }
  const absolute = await image({ layers: [{ tar: base }, { tar: tar(dir("/abs"), file("/abs/file", "in")) }] });
  assert.equal((await daemon.run([absolute, "cat", "/abs/file"])).stdout, "in");
  const { stdout } = await daemon.wharf(["images", "-q"]);
  assert.notEqual(stdout, "");
  const left = daemon.strays().filter((line) => !line.startsWith("ingest"));
  if (left.length > 0) await daemon.clean("hostile layers");
});

/** Bytes. */
function free(path: string): number {
  const { bavail, bsize } = statfsSync(path);
  return bavail * bsize;
}

test("disk full while unpacking and while downloading: said, all is given back, and works with room", async () => {
  const disk = folder();
  mkdirSync(disk);
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=24m", "none", disk]);
  try {
    await using small = await Daemon.start({ root: join(disk, "r") });
    await small.busybox();
    const random = Buffer.from(execFileSync("head", ["-c", "40000000", "/dev/urandom"], { maxBuffer: 1 << 28 }));
    const download = await image({ layers: [{ tar: base }, { tar: tar(file("big", "", { data: random })) }] });
    const unpack = await image({
      layers: [{ tar: base }, { tar: tar(file("zeros", "", { data: Buffer.alloc(60_000_000, 1) })) }],
    });
    const before = free(disk);
    for (const name of [download, unpack, unpack]) {
      const { stderr, code } = await small.wharf(["pull", name]);
      // the store's log grows to 4 MiB
      assert.ok(free(disk) > before - (5 << 20), `room is given back before it is said: ${before} ${free(disk)}`);
      assert.equal(code, 1);
      assert.match(stderr, /^wharf: .*(no space left|ENOSPC|disk)/im);
      const goes = await small.run(["busybox", "echo", "goes on"]);
      assert.deepEqual([goes.stdout, goes.stderr], ["goes on\n", ""]);
    }
    const name = uniqueName("fills");
    const filled = await small.wharf([
      "run",
      "--name",
      name,
      "--network",
      "none",
      "busybox",
      "sh",
      "-c",
      "head -c 50000000 /dev/zero > /x; echo $?",
    ]);
    assert.match(filled.stderr + filled.stdout, /No space left|I\/O error/);
    await small.ok("rm", name);
    assert.ok(free(disk) > before - (5 << 20), `a removed container's room: ${before} ${free(disk)}`);
    assert.equal((await small.run(["busybox", "echo", "goes on"])).stdout, "goes on\n");
    // what a removed container leaves is cleared behind its back
    await small.clean();
  } finally {
    execFileSync("umount", [disk]);
  }
});

test("runt: config.json with a wrong type, no JSON, without rootfs, without itself", async () => {
  const bundle = folder();
  const root = folder();
  mkdirSync(join(bundle, "rootfs"), { recursive: true });
  const runt = (args: string[]) => execute([join(BIN, "runt"), "--root", root, ...args], { cwd: bundle });
  const id = uniqueName("bad");
  const attempt = async (message: RegExp) => {
    const { stderr, code } = await runt(["run", id]);
    assert.match(stderr, message);
    assert.notEqual(code, 0);
    assert.equal((await runt(["list", "-q"])).stdout, "");
    assert.equal(execFileSync("sh", ["-c", `find /sys/fs/cgroup -name '${id}' | head -1`], { encoding: "utf8" }), "");
  };
  await attempt(/config\.json/);
  await runt(["spec"]);
  const good = JSON.parse(readFileSync(join(bundle, "config.json"), "utf8")) as Record<string, unknown>;
  const write = (change: object | string) =>
    writeFileSync(
      join(bundle, "config.json"),
      typeof change === "string" ? change : JSON.stringify({ ...good, ...change }),
    );
  const program = { ...(good.process as object), terminal: false };
  write({ process: { ...program, args: "sh" } });
  await attempt(/process\.args/);
  write({ process: { ...program, user: { uid: "root", gid: 0 } } });
  await attempt(/process\.user\.uid/);
  write("{ no json");
  await attempt(/config\.json.*JSON|JSON.*config\.json/s);
  write({ process: program, root: { path: "nowhere" } });
  await attempt(/nowhere/);
  write({ process: { ...program, args: ["/nothing"] } });
  await attempt(/\/nothing/);
  rmSync(root, { recursive: true, force: true });
});

test("a snapshot that somebody removed: said at the start, and the container can be removed", async () => {
  const name = uniqueName("gone");
  await daemon.ok("create", "--name", name, "--network", "none", "busybox", "true");
  const snapshots = execFileSync("ls", [join(daemon.root, "snapshots")], { encoding: "utf8" })
    .trim()
    .split("\n");
  const newest = snapshots.map(Number).sort((a, b) => b - a)[0]!;
  rmSync(join(daemon.root, "snapshots", String(newest)), { recursive: true });
  const { stderr, code } = await daemon.wharf(["start", name]);
  assert.equal(code, 1);
  assert.match(stderr, new RegExp(`snapshots/${newest}`));
  await daemon.ok("rm", name);
  await daemon.clean();
});

test("bad flags and names: 125, what and why", async () => {
  for (const [args, message] of [
    [["--memory", "lots", "busybox"], /lots/],
    [["--memory", "1m", "busybox", "true"], /6MB|minimum|at least/i],
    [["--cpus", "-1", "busybox"], /-1/],
    [["-v", "relative/../..:/x", "busybox"], /relative/],
    [["-v", "/a:b", "busybox", "true"], /"?b"?.*absolute|absolute.*"?b"?/],
    [["-e", "=x", "busybox", "true"], /=x|environment/],
    [["--name", "-x", "busybox"], /-x|name/],
    [["-w", "relative", "busybox", "true"], /relative.*absolute|absolute/],
    [["-u", "1:2:3", "busybox", "true"], /group 2:3/],
  ] as [string[], RegExp][]) {
    const { stderr, code } = await daemon.run(args);
    assert.equal(code, 125, `${args.join(" ")}: ${stderr}`);
    assert.match(stderr, message, args.join(" "));
  }
  await daemon.clean();
});
