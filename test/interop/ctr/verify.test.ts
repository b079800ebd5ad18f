// Image verifiers in containerd's form are asked about each pull: by the original ctr through Transfer, and by our CLI.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { build, Daemon } from "../e2e/daemon.ts";
import { type RegistryProcess, startRegistry } from "../registry/support.ts";
import { Ctr } from "./ctr.ts";

const dir = mkdtempSync(join(tmpdir(), "wv-"));
const bin = join(dir, "verifiers");
let daemon: Daemon;
let registry: RegistryProcess;
let ctr: Ctr;
let image: string;

const verifier = (script: string) => writeFileSync(join(bin, "policy"), `#!/bin/sh\n${script}\n`, { mode: 0o755 });

before(async () => {
  build();
  mkdirSync(bin);
  const config = `[image-verifier]\nbin-dir = "${bin}"\nper-verifier-timeout = "6s"\n`;
  daemon = await Daemon.start({ config });
  registry = await startRegistry();
  await daemon.busybox();
  image = `127.0.0.1:${registry.port}/signed/box:1`;
  await new Ctr(daemon, { namespace: "moby" }).ok(
    "images",
    "push",
    "--plain-http",
    image,
    "docker.io/library/busybox:latest",
  );
  ctr = new Ctr(daemon);
});
after(async () => {
  await registry?.[Symbol.asyncDispose]();
  await daemon?.[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true });
});

const pull = ["images", "pull", "--plain-http"];
const nothing = async () => {
  assert.equal(await ctr.ok("images", "ls", "-q"), "");
  assert.equal(
    await ctr.ok("snapshots", "ls").then((text) => text.split("\n").length),
    2,
    "only the head of the table",
  );
};

test("an image that a verifier refuses is not pulled, and its reason is told", async () => {
  verifier("echo no signature; exit 9");
  const text = await ctr.fails(...pull, image);
  assert.match(text, /image verifier "policy" refused sha256:\w+ \(exit code 9\): no signature/);
  await nothing();
  const { code, stderr } = await daemon.wharf(["pull", image]);
  assert.notEqual(code, 0);
  assert.match(stderr, /no signature/);
});

test("a verifier that crashes or hangs lets no image pass", async () => {
  verifier("kill -SEGV $$");
  assert.match(await ctr.fails(...pull, image), /"policy" was ended by SIGSEGV/);
  verifier("sleep 1000");
  assert.match(await ctr.fails(...pull, image), /"policy" gave no answer in 6000 ms/);
  await nothing();
});

test("an image that it accepts is pulled; the verifier got its name, digest and descriptor", async () => {
  verifier(`echo "$@" >${dir}/args; cat >${dir}/stdin`);
  await ctr.ok(...pull, image);
  const digest = /sha256:[0-9a-f]{64}/.exec(await ctr.ok("images", "ls"))![0];
  const args = `-name ${image} -digest ${digest} -stdin-media-type application/vnd.oci.descriptor.v1+json\n`;
  assert.equal(readFileSync(join(dir, "args"), "utf8"), args);
  const { mediaType, size, ...rest } = JSON.parse(readFileSync(join(dir, "stdin"), "utf8")) as Record<string, unknown>;
  assert.deepEqual(rest, { digest });
  assert.match(String(mediaType), /manifest/);
  assert.ok(Number(size) > 0);
});
