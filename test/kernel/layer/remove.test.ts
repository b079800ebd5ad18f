// Removing and measuring trees: nothing is followed, no mount is entered, nothing is in the way.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { folder, onTmpfs, setUp, sh, theAgent } from "./support.ts";

setUp();

test("remove() deletes files, links and trees, and does not mind what is gone", async () => {
  const top = folder();
  sh(
    `mkdir -p tree/a/b outside; echo keep > outside/f; ln -s ../../outside tree/a/link; ln -s nowhere dangling
      mkfifo tree/fifo; mknod tree/whiteout c 0 0; mkdir tree/empty; echo x > file; printf x > "tree/$(printf 'l\\344')"; ln -s outside dirlink`,
    top,
  );
  await theAgent().remove(
    ["tree", "file", "dangling", "dirlink", "never", "never/there"].map((name) => `${top}/${name}`),
  );
  assert.equal(sh(`ls -A ${top}`).trim(), "outside");
  assert.equal(readFileSync(`${top}/outside/f`, "utf8"), "keep\n");
});

test("remove() takes away immutable and append-only files and directories", async () => {
  const top = folder();
  sh("mkdir -p t/d; echo x > t/d/f; echo y > t/a; chmod 000 t/d t; chattr +i t/d/f t/d; chattr +a t/a", top);
  await theAgent().remove([`${top}/t`]);
  assert(!existsSync(`${top}/t`));
});

test("remove() empties trees deeper than descriptors and paths reach", async () => {
  const top = folder();
  sh(
    `python3 -c '
import os
os.mkdir("deep"); os.chdir("deep")
for i in range(3000):
    os.mkdir("x" * 20); open("f%d" % i, "w").close(); os.chdir("x" * 20)
'`,
    top,
  );
  await theAgent().remove([`${top}/deep`]);
  assert.equal(sh(`ls -A ${top}`), "");
});

test("remove() stops at a mount, and what is mounted there stays", async () => {
  await onTmpfs("size=1m", async (path) => {
    const top = folder();
    mkdirSync(`${top}/t/m`, { recursive: true });
    writeFileSync(`${path}/precious`, "");
    sh(`mount --bind ${path} ${top}/t/m`);
    try {
      await assert.rejects(theAgent().remove([`${top}/t`]), (error: Error & { code?: string }) => {
        assert.equal(error.code, "FailedPrecondition");
        assert.match(error.message, /"[^"]*\/t\/m": EBUSY/);
        return true;
      });
      assert(existsSync(`${path}/precious`));
    } finally {
      sh(`umount ${top}/t/m`);
    }
    await theAgent().remove([`${top}/t`]);
    assert(!existsSync(`${top}/t`));
  });
});

test("remove() ends with its signal", async () => {
  const top = folder();
  sh("mkdir t; cd t; for i in {1..30}; do mkdir $i; (cd $i; seq 1 500 | xargs touch); done", top);
  const controller = new AbortController();
  const removing = theAgent().remove([`${top}/t`], controller.signal);
  controller.abort();
  await assert.rejects(removing, { name: "AbortError" });
  await theAgent().remove([`${top}/t`]);
});

test("usage() counts blocks and inodes, hard links once, other mounts not at all", async () => {
  await onTmpfs("size=20m", async (path) => {
    sh(
      "mkdir -p a/b m; head -c 100000 /dev/zero > a/f; ln a/f a/g; ln a/f a/b/h; truncate -s 1G a/sparse; ln -s /usr a/link",
      path,
    );
    symlinkSync("/", `${path}/root`);
    mkdirSync(`${path}/m2`);
    sh(`mount -t tmpfs none ${path}/m; head -c 1000000 /dev/zero > ${path}/m/other`);
    try {
      const { size, inodes } = await theAgent().usage(path);
      assert.equal(size, Number(sh(`du -xs --block-size=512 ${path}`).split("\t")[0]) * 512);
      // the top, a, a/b, m2, f, sparse, link, root; m is another mount
      assert.equal(inodes, 8);
    } finally {
      sh(`umount ${path}/m`);
    }
    assert.deepEqual((await theAgent().usage(`${path}/a/f`)).inodes, 1);
    await assert.rejects(theAgent().usage(`${path}/never`), { code: "NotFound" });
  });
});
