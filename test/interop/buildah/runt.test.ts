// runt under buildah: what RUN steps do is in the image, as whom and where they say; a failing one fails the build.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Podman, RUNT } from "../podman/podman.ts";

let box: Podman;
before(async () => {
  box = new Podman();
  await box.importBusybox();
});
after(() => box[Symbol.asyncDispose]());

async function build(...lines: string[]) {
  const file = join(box.dir, "Containerfile");
  writeFileSync(file, ["FROM busybox", ...lines, ""].join("\n"));
  const flags = [
    "--runtime",
    RUNT,
    "--isolation",
    "oci",
    "--network",
    "none",
    "--cgroup-parent",
    `/${box.cgroup}/build`,
  ];
  return box.run("buildah", ["build", ...flags, "-t", "made", "-f", file, box.dir]);
}

test("RUN steps make the image", async () => {
  const made = await build(
    "ENV A=b",
    "WORKDIR /work",
    "RUN echo $A > file && mkdir sub",
    "USER 7:8",
    "RUN id -u > /tmp/user && touch /tmp/own && echo built $(cat /work/file)",
  );
  assert.equal(made.code, 0, made.stderr);
  assert.match(made.stdout, /^built b$/m);
  const look = "cat /work/file /tmp/user; stat -c %u:%g /tmp/own; ls /work";
  const run = ["run", "--rm", "--network", "none", "--cgroup-parent", `/${box.cgroup}`, "made", "sh", "-c", look];
  const { stdout, stderr } = await box.run("podman", run);
  assert.equal(stdout, "b\n7\n7:8\nfile\nsub\n", stderr);
});

test("a RUN step that fails fails the build, with its status", async () => {
  const { code, stderr } = await build("RUN exit 9");
  assert.notEqual(code, 0);
  assert.match(stderr, /exit status 9/);
});

test("buildah run in a working container, with its mounts", async () => {
  const from = await box.run("buildah", ["from", "busybox"]);
  assert.equal(from.code, 0, from.stderr);
  const name = from.stdout.trim();
  writeFileSync(join(box.dir, "given"), "given\n");
  const flags = [
    "--runtime",
    RUNT,
    "--isolation",
    "oci",
    "--network",
    "none",
    "-v",
    `${join(box.dir, "given")}:/given:ro`,
  ];
  const { code, stdout, stderr } = await box.run("buildah", ["run", ...flags, name, "sh", "-c", "cat /given; exit 3"]);
  assert.equal(stdout, "given\n", stderr);
  assert.equal(code, 3);
  assert.equal((await box.run("buildah", ["rm", name])).code, 0);
});
