// Layers as overlayfs shows them: whiteouts of both kinds, directories that a layer leaves out, diffs and back.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { test } from "node:test";
import type { Mount } from "../../../src/daemon/containerd/api/types.ts";
import {
  type Described,
  describe,
  dir,
  file,
  folder,
  hardlink,
  overlaid,
  paths,
  setUp,
  sh,
  symlink,
  tar,
  theAgent,
  unpack,
} from "./support.ts";

setUp();

const base = () =>
  tar(
    dir("etc", { mode: 0o750, uid: 3, gid: 4, mtime: 1234567890 }),
    file("etc/passwd", "root"),
    file("etc/group", "root"),
    dir("etc/conf.d", { mode: 0o700, mtime: 1234567891, pax: { "SCHILY.xattr.user.kept": "yes" } }),
    file("etc/conf.d/a", "a"),
    dir("var", { mode: 0o1777 }),
    dir("var/cache"),
    file("var/cache/big", "x".repeat(10000)),
    symlink("link", "etc"),
  );

test("unpack() makes whiteouts that hide what lower layers have", async () => {
  const lower = await unpack(base());
  const upper = await unpack(
    tar(dir("etc", { mode: 0o755 }), file("etc/.wh.passwd"), file(".wh.var"), file("etc/.wh.never-there")),
  );
  const got = describe(upper.target);
  assert.deepEqual([got["etc/passwd"]?.type, got["etc/passwd"]?.rdev], ["char", "0:0"]);
  await overlaid([upper.target, lower.target], (view) => {
    assert.deepEqual(paths(view), ["etc", "etc/conf.d", "etc/conf.d/a", "etc/group", "link"]);
  });
});

test("unpack() makes opaque directories: only what this layer and those above have is seen, in whatever order it comes", async () => {
  const lower = await unpack(base());
  const orders = [
    [dir("etc"), file("etc/.wh..wh..opq"), file("etc/new", "n")],
    [dir("etc"), file("etc/new", "n"), file("etc/.wh..wh..opq")],
    [file("etc/.wh..wh..opq"), dir("etc"), file("etc/new", "n")],
    // as aufs did it
    [file(".wh.etc"), dir("etc"), file("etc/new", "n")],
    [dir("etc"), file("etc/new", "n"), file(".wh.etc")],
    [file(".wh.etc"), file("etc/new", "n")],
  ];
  for (const [i, entries] of orders.entries()) {
    const upper = await unpack(tar(...entries));
    assert.equal(describe(upper.target).etc?.xattrs?.["trusted.overlay.opaque"], "79", `order ${i}`);
    await overlaid([upper.target, lower.target], (view) => {
      assert.deepEqual(paths(view), ["etc", "etc/new", "link", "var", "var/cache", "var/cache/big"], `order ${i}`);
    });
  }
});

test("unpack() keeps what a layer has itself in spite of a whiteout of the same name, and skips aufs's own files", async () => {
  const { target } = await unpack(
    tar(
      file("a", "kept"),
      file(".wh.a"),
      file(".wh.b"),
      file("b", "kept"),
      dir(".wh..wh.plnk"),
      file(".wh..wh.aufs"),
      file("d/.wh..wh.orph"),
    ),
  );
  assert.deepEqual(paths(target), ["a", "b"]);
});

test("unpack() says which directories it had to invent; inherit() makes them what the layers below have", async () => {
  const lower = await unpack(base());
  const middle = await unpack(tar(dir("var", { mode: 0o711, uid: 9 })));
  const upper = await unpack(
    tar(file("etc/conf.d/b", "b"), file("var/cache/.wh.big"), file("var/new/x"), dir("srv/deep")),
  );
  assert.deepEqual(upper.missingParents, ["etc", "etc/conf.d", "srv", "var", "var/cache", "var/new"]);
  await theAgent().inherit(upper.target, [middle.target, lower.target], upper.missingParents);
  await overlaid([upper.target, middle.target, lower.target], (view) => {
    const got = describe(view);
    const about = (path: string) => [got[path]!.mode, got[path]!.uid, got[path]!.gid, Number(got[path]!.mtime) / 1e9];
    assert.deepEqual(about("etc"), ["0o750", 3, 4, 1234567890]);
    assert.deepEqual(about("etc/conf.d"), ["0o700", 0, 0, 1234567891]);
    assert.deepEqual(got["etc/conf.d"]!.xattrs, { "user.kept": "796573" });
    assert.deepEqual(about("var").slice(0, 2), ["0o711", 9]);
    assert.deepEqual([got.srv!.mode, got["var/new"]!.mode], ["0o755", "0o755"]);
    assert(!("var/cache/big" in got));
  });
});

test("inherit() stops where a layer between hides the directory", async () => {
  const lower = await unpack(base());
  const hiding = await unpack(tar(file("etc/.wh.conf.d")));
  const opaque = await unpack(tar(dir("etc", { mode: 0o711 }), file("etc/.wh..wh..opq")));
  for (const between of [hiding, opaque]) {
    const upper = await unpack(tar(file("etc/conf.d/b")));
    await theAgent().inherit(upper.target, [between.target, lower.target], upper.missingParents);
    assert.deepEqual(
      [describe(upper.target)["etc/conf.d"]!.mode, describe(upper.target)["etc/conf.d"]!.xattrs],
      ["0o755", undefined],
    );
  }
});

test("unpack() over known lower layers, an overlay's mounts, needs no second step", async () => {
  const lower = await unpack(base());
  const [upper, work] = [folder("upper"), folder("work")];
  const options = [`lowerdir=${lower.target}`, `upperdir=${upper}`, `workdir=${work}`];
  const blob = folder("blob", false);
  writeFileSync(blob, tar(file("etc/conf.d/b", "b"), file("etc/.wh.passwd")));
  const { missingParents } = await theAgent().unpack({
    mounts: [{ type: "overlay", source: "overlay", target: "", options }],
    mediaType: "",
    source: blob,
  });
  assert.deepEqual(missingParents, []);
  const got = describe(upper);
  assert.deepEqual([got.etc?.mode, got.etc?.uid, got["etc/conf.d"]?.mode], ["0o750", 3, "0o700"]);
  assert.equal(got["etc/passwd"]?.rdev, "0:0");
});

/** What a diff of the mounts gives, as a file. */
async function diff(lower: Mount[], upper: Mount[], kind = "+gzip", sourceDateEpoch?: number) {
  const parts: Buffer[] = [];
  const mediaType = `application/vnd.oci.image.layer.v1.tar${kind}`;
  const write = async (data: Uint8Array): Promise<void> => void parts.push(Buffer.from(data));
  const answer = await theAgent().diff({ lower, upper, mediaType, sourceDateEpoch, write });
  const blob = folder("diff", false);
  writeFileSync(blob, Buffer.concat(parts));
  assert.equal(`sha256:${sh(`sha256sum < ${blob}`).slice(0, 64)}`, answer.digest);
  return { blob, ...answer };
}

const bind = (source: string): Mount[] => [{ type: "bind", source, target: "", options: ["rbind", "ro"] }];

const seconds = (all: Record<string, Described>): Record<string, Described> => {
  for (const entry of Object.values(all)) {
    if (entry.mtime !== "root") entry.mtime = String(Math.floor(Number(entry.mtime) / 1e9));
    if (entry.xattrs)
      for (const name of Object.keys(entry.xattrs))
        if (/^trusted\.|^user\.overlay/.test(name)) delete entry.xattrs[name];
    if (Object.keys(entry.xattrs ?? {}).length === 0) delete entry.xattrs;
  }
  return all;
};

/** Changes of all kinds in a writable tree. */
const CHANGES = `
  echo more >> etc/group; rm etc/passwd; rm -rf var; mkdir -m 2750 var; echo new > var/new; chmod 0711 etc/conf.d
  rm link; mkdir link; echo x > link/x; mkdir -p new/a/b; ln new/a/b/../../../var/new new/hard; ln -s ../etc new/soft
  mkfifo new/fifo; mknod new/dev c 5 1; cp /bin/true new/caps; setcap cap_net_raw+ep new/caps; chown 7:8 new/caps 2> /dev/null || true
  setcap cap_net_raw+ep new/caps; setfattr -n user.color -v blue new; chmod 4755 new/a; touch -d @1111111111 new/a/b etc/conf.d
  python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("new/socket")'
  mkdir "new/$(printf 'ä%.0s' {1..100})"; printf x > "new/$(printf 'l\\344')"; head -c 1000000 /dev/urandom > new/big; : > new/empty
`;

for (const kind of ["", "+gzip", "+zstd"]) {
  test(`diff() of an overlay and unpack() of what it gives (tar${kind}) show the same tree`, async () => {
    const lower = await unpack(base());
    const [upper, work, view] = [folder("upper"), folder("work"), folder("view")];
    const options = [`lowerdir=${lower.target}`, `upperdir=${upper}`, `workdir=${work}`];
    sh(`mount -t overlay overlay -o ${options.join()} ${view}`);
    let want: Record<string, Described>;
    try {
      sh(CHANGES, view);
      want = seconds(describe(view));
      delete want["new/socket"];
    } finally {
      sh(`umount ${view}`);
    }
    const mounts = [{ type: "overlay", source: "overlay", target: "", options }];
    const { blob, diffId, size } = await diff(bind(lower.target), mounts, kind);
    const listed = sh(`tar -tf ${blob}`).trim().split("\n");
    assert(listed.includes("etc/.wh.passwd") && listed.includes("var/.wh..wh..opq"), listed.join());
    assert(!listed.includes("etc/conf.d/a"), "what did not change is not in it");
    const again = await unpack(blob);
    assert.deepEqual([again.diffId, again.size], [diffId, size]);
    await overlaid([again.target, lower.target], (merged) => assert.deepEqual(seconds(describe(merged)), want));
    assert.equal(
      (await diff(bind(lower.target), mounts, kind)).digest,
      (await diff(bind(lower.target), mounts, kind)).digest,
    );
  });
}

test("diff() of two trees that are no overlay compares them", async () => {
  const lower = await unpack(base());
  const changed = folder("changed");
  sh(`cp -a ${lower.target}/. ${changed}; cd ${changed}; ${CHANGES}`);
  const want = seconds(describe(changed));
  delete want["new/socket"];
  const { blob } = await diff(bind(lower.target), bind(changed));
  const listed = sh(`tar -tf ${blob}`).trim().split("\n");
  assert(listed.includes("etc/.wh.passwd"));
  assert(!listed.includes("etc/conf.d/a"));
  const again = await unpack(blob);
  await overlaid([again.target, lower.target], (merged) => assert.deepEqual(seconds(describe(merged)), want));
  const same = await diff(bind(lower.target), bind(lower.target), "");
  assert.equal(same.size, 1024, "nothing but the end");
});

test("diff() of a tree over nothing holds all of it, no times later than the epoch it is given, and hard links as such", async () => {
  const tree = folder();
  sh("mkdir d; echo x > d/f; ln d/f d/g; touch -d @1000 d/f; touch -d @5000 d", tree);
  const { blob } = await diff([], bind(tree), "", 2000);
  const { target } = await unpack(blob);
  const got = describe(target);
  assert.deepEqual([got["d/f"]?.mtime, got.d?.mtime, got["d/g"]?.inode], ["1000000000000", "2000000000000", "d/f"]);
});

test("diff() refuses what is no layer type", async () => {
  const write = async (): Promise<void> => {};
  await assert.rejects(
    theAgent().diff({ lower: [], upper: bind("/"), mediaType: "text/plain", write }),
    /no layer type/,
  );
});

test("export() of an overlay is the merged tree", async () => {
  const lower = await unpack(base());
  const upper = await unpack(
    tar(dir("etc"), file("etc/.wh.passwd"), file("etc/new", "n"), hardlink("etc/new2", "etc/new")),
  );
  const parts: Buffer[] = [];
  const options = [`lowerdir=${upper.target}:${lower.target}`];
  const mounts = [{ type: "overlay", source: "overlay", options }];
  await theAgent().export({ mounts }, async (data) => void parts.push(Buffer.from(data)));
  const { target } = await unpack(Buffer.concat(parts));
  await overlaid([upper.target, lower.target], (view) =>
    assert.deepEqual(seconds(describe(target)), seconds(describe(view))),
  );
  assert(!sh("cat /proc/mounts").includes("agent.mnt"), "its mounts were its own");
});
