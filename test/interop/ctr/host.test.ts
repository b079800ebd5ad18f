// What ctr does on the host itself: programs installed from an image, profiles of a containerd, devices by CDI.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { removeCgroups } from "../../support/cgroups.ts";
import { build, Daemon } from "../e2e/daemon.ts";
import { buildImage } from "../registry/support.ts";
import { Ctr } from "./ctr.ts";

const BUSYBOX = "docker.io/library/busybox:latest";
const IMAGE = "lab.example/tools:1";
let daemon: Daemon;
let own: Ctr;

before(async () => {
  build();
  daemon = await Daemon.start();
  await daemon.busybox();
  own = new Ctr(daemon, { namespace: "moby", own: true });
  const { layout } = await buildImage(join(daemon.dir, "image"), [
    { files: { "bin/tool": "first", "bin/deep/no": "", "lib/lib.so": "lib", "etc/no": "" } },
    { files: { "bin/other": "#!/bin/sh\necho other\n" }, compression: "zstd" },
  ]);
  execFileSync("tar", ["-C", layout, "-cf", join(daemon.dir, "image.tar"), "."]);
  await own.ok(
    "images",
    "import",
    "--index-name",
    "x",
    "--base-name",
    "lab.example/tools",
    join(daemon.dir, "image.tar"),
  );
  const [name] = (await own.ok("images", "ls", "-q", "name~=lab")).trim().split("\n");
  await own.ok("images", "tag", "--force", name!, IMAGE);
});
after(async () => {
  await daemon?.[Symbol.asyncDispose]();
  removeCgroups("moby");
});

test("install puts an image's programs, and its libraries when asked, into a folder", async () => {
  const target = join(daemon.dir, "installed");
  await own.ok("install", "--path", target, IMAGE);
  assert.deepEqual(readdirSync(target), ["bin"]);
  assert.deepEqual(readdirSync(join(target, "bin")).sort(), ["other", "tool"]);
  assert.equal(readFileSync(join(target, "bin/tool"), "utf8"), "first");
  assert.equal(statSync(join(target, "bin/other")).mode & 0o777, 0o755);
  assert.equal(execFileSync(join(target, "bin/other"), { encoding: "utf8" }), "other\n");
  assert.match(
    await own.fails("install", "--path", target, IMAGE),
    /cannot replace bin\/tool in .*: already exists\nhint: --replace/,
  );
  await own.ok("install", "--libs", "--replace", "--path", target, IMAGE);
  assert.equal(readFileSync(join(target, "lib/lib.so"), "utf8"), "lib");
  assert.match(await own.fails("install", IMAGE), /no folder for installed programs.*\nhint: --path/);
  assert.match(await own.fails("install", "--path", target, "none"), /"none" not found/);
});

test("pprof writes what a debug socket serves, and says so where there is none", async () => {
  const seen: string[] = [];
  const server = createServer(({ url }, response) => {
    seen.push(url!);
    if (url!.includes("heap")) response.writeHead(500).end("no heap");
    else response.end(`profile of ${url}\n`);
  });
  const socket = join(daemon.dir, "debug.sock");
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  try {
    const said = await own.ok("pprof", "--debug-socket", socket, "goroutines");
    assert.equal(said, "profile of /debug/pprof/goroutine?debug=2\n");
    await own.ok("pprof", "-d", socket, "profile", "-s", "1500ms");
    await own.ok("pprof", "-d", socket, "trace");
    await own.ok("pprof", "-d", socket, "block", "--debug", "1");
    assert.deepEqual(seen.slice(1), [
      "/debug/pprof/profile?seconds=1.5&debug=0",
      "/debug/pprof/trace?seconds=5&debug=0",
      "/debug/pprof/block?debug=1",
    ]);
    assert.match(await own.fails("pprof", "-d", socket, "heap"), /status 500: no heap/);
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
  assert.match(await own.fails("pprof", "-d", "/nowhere/x", "heap"), /nobody serves profiles on "\/nowhere\/x"/);
  assert.match(await own.fails("shim", "--id", "none", "pprof", "heap"), /nobody serves profiles/);
});

test("a CDI device brings its nodes, mounts and variables; one that is not known is named", async () => {
  const cdi = join(daemon.dir, "cdi");
  const file = `cdiVersion: "0.7.0"
kind: vendor.com/thing
containerEdits:
  mounts: [{hostPath: ${daemon.dir}, containerPath: /thing, options: [rbind, ro], type: bind}]
devices:
- name: full
  containerEdits:
    deviceNodes:
    - path: /dev/myfull
      hostPath: /dev/full
    env: [FROM=cdi]
`;
  mkdirSync(cdi);
  writeFileSync(join(cdi, "thing.yaml"), file);
  // the folder stands at /etc/cdi in a mount namespace of the command's own
  const script = 'd=$1; shift; mount -t tmpfs none /etc && mkdir /etc/cdi && mount --bind "$d" /etc/cdi && exec "$@"';
  const within = ["unshare", "--mount", "sh", "-c", script, "sh", cdi];
  const ctr = new Ctr(daemon, { namespace: "moby", own: true, within });
  const run = ["run", "--rm", "--fifo-dir", ctr.fifos, "--device", "vendor.com/thing=full"];
  const look = 'ls -l /dev/myfull; echo "$FROM"; ls -d /thing; echo x 2>/dev/null >/dev/myfull || echo full';
  const said = await ctr.ok(...run, BUSYBOX, "cdi", "sh", "-c", look);
  assert.match(said, /^crw\S+ .* 1, +7 .*\/dev\/myfull\ncdi\n\/thing\nfull\n$/);
  const missing = ["run", "--rm", "--fifo-dir", ctr.fifos, "--device", "vendor.com/thing=none", BUSYBOX, "cdi", "true"];
  assert.match(await ctr.fails(...missing), /unresolvable CDI devices vendor.com\/thing=none: not found/);
  assert.match(
    await own.fails("run", "--gpus", "0", BUSYBOX, "gpu", "true"),
    /GPUs are given by CDI here\nhint: nvidia-ctk/,
  );
  assert.equal(await own.ok("containers", "ls", "-q"), "");
});
