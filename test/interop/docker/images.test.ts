// The real docker CLI on our socket: images named, saved, loaded, imported, committed, pushed, pruned.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { execute } from "../cli/program.ts";
import { build, Daemon } from "../e2e/daemon.ts";
import { startRegistry } from "../registry/support.ts";

let daemon: Daemon;
before(async () => {
  build();
  daemon = await Daemon.start();
  await daemon.busybox();
});
after(() => daemon[Symbol.asyncDispose]());

const docker = (...args: string[]) => daemon.docker(args, { env: { HOME: daemon.dir } });

/** Expected to succeed; the standard output without the last newline. */
async function ok(...args: string[]): Promise<string> {
  const { stdout, stderr, code } = await docker(...args);
  assert.equal(code, 0, `docker ${args.join(" ")}: ${stderr}${stdout}`);
  return stdout.replace(/\n$/, "");
}

test("tag, history, rmi of one name", async () => {
  await ok("tag", "busybox", "localhost:1/team/app:1");
  const both = await ok("inspect", "-f", "{{json .RepoTags}}", "busybox");
  assert.equal(both, '["busybox:latest","localhost:1/team/app:1"]');
  const history = await ok("history", "--no-trunc", "--format", "{{.ID}} {{.CreatedBy}}", "busybox");
  assert.match(history, /^sha256:[0-9a-f]{64} wharf: busybox-static, \d+ applets$/);
  assert.equal(await ok("rmi", "localhost:1/team/app:1"), "Untagged: localhost:1/team/app:1");
  assert.match((await docker("tag", "nosuch", "x")).stderr, /No such image: nosuch:latest/);
  assert.match((await docker("tag", "busybox", "UPPER")).stderr, /lowercase/);
  assert.match((await docker("search", "busybox")).stderr, /searching is not offered/);
});

test("a tag that moves leaves an image without a name, which prune removes", async () => {
  const tar = join(daemon.dir, "one.tar");
  writeFileSync(join(daemon.dir, "one"), "1\n");
  await execute(["tar", "-cf", tar, "-C", daemon.dir, "one"]);
  const first = await ok("import", "-m", "said", "-c", 'CMD ["/x"]', "-c", "ENV A=b", tar, "moving:1");
  assert.match(first, /^sha256:[0-9a-f]{64}$/);
  assert.equal(
    await ok("inspect", "-f", "{{.Id}} {{json .Config.Cmd}} {{json .Config.Env}} {{.Comment}}", "moving:1"),
    `${first} ["/x"] ["A=b"] said`,
  );
  await ok("tag", "busybox", "moving:1");
  assert.equal(await ok("images", "-q", "--no-trunc", "-f", "dangling=true"), first);
  const pruned = await ok("image", "prune", "-f");
  assert.match(pruned, new RegExp(`deleted: ${first}[\\s\\S]*Total reclaimed space: [1-9]`, "i"));
  assert.equal(await ok("images", "-q", "-f", "dangling=true"), "");
  await ok("rmi", "moving:1");
});

test("save and load: the same image comes back, also packed, also with several names", async () => {
  const id = await ok("inspect", "-f", "{{.Id}}", "busybox");
  await ok("tag", "busybox", "other:2");
  const file = join(daemon.dir, "saved.tar");
  await ok("save", "-o", file, "busybox", "other:2");
  const { stdout: list } = await execute(["tar", "-tf", file]);
  for (const name of ["index.json", "manifest.json", "oci-layout", "repositories", "blobs/sha256/"])
    assert.ok(list.split("\n").includes(name), `${name} in ${list}`);
  const manifest = JSON.parse((await execute(["tar", "-xOf", file, "manifest.json"])).stdout);
  assert.deepEqual(manifest[0].RepoTags, ["busybox:latest", "other:2"]);
  for (const pack of [undefined, "gzip", "zstd"]) {
    await ok("rmi", "-f", "other:2", "busybox");
    assert.equal((await docker("inspect", "busybox")).code, 1);
    if (pack) assert.equal((await execute([pack, "-kf", file])).code, 0);
    const from = pack ? `${file}.${pack === "gzip" ? "gz" : "zst"}` : file;
    assert.equal(await ok("load", "-i", from), "Loaded image: busybox:latest\nLoaded image: other:2");
    assert.equal(await ok("inspect", "-f", "{{.Id}}", "other:2"), id);
  }
  assert.equal(await ok("run", "--rm", "--network", "none", "other:2", "echo", "alive"), "alive");
  await ok("rmi", "other:2");
  await daemon.clean();
});

test("load: a docker archive of old, with links between layers; skopeo's OCI archive; what is damaged or none", async () => {
  const id = await ok("inspect", "-f", "{{.Id}}", "busybox");
  const dir = join(daemon.dir, "old");
  const script = `set -e; mkdir ${dir}; cd ${dir}; tar -xf ${daemon.dir}/saved.tar; rm index.json oci-layout repositories
    python3 - <<'P'
import json, os, gzip
m = json.load(open("manifest.json"))[0]
os.mkdir("a"); os.mkdir("b")
open("a/layer.tar", "wb").write(gzip.open(m["Layers"][0]).read())
os.symlink("../a/layer.tar", "b/layer.tar")
os.rename(m["Config"], "config.json")
json.dump([{"Config": "config.json", "RepoTags": ["old:1"], "Layers": ["b/layer.tar"]}], open("manifest.json", "w"))
P
    rm -r blobs; tar -cf ../old.tar .; head -c 100000 ../old.tar > ../cut.tar`;
  assert.equal((await execute(["bash", "-c", script])).stderr, "");
  assert.equal(await ok("load", "-i", join(daemon.dir, "old.tar")), "Loaded image: old:1");
  assert.equal(await ok("inspect", "-f", "{{.Id}}", "old:1"), id);
  assert.equal(await ok("run", "--rm", "--network", "none", "old:1", "echo", "alive"), "alive");
  await daemon.clean();
  await ok("rmi", "old:1");
  const { stderr } = await docker("load", "-i", join(daemon.dir, "cut.tar"));
  assert.match(stderr, /the archive breaks off/);
  const copy = [
    "copy",
    `docker-archive:${daemon.dir}/old.tar`,
    `oci-archive:${daemon.dir}/oci.tar:localhost/from-skopeo:3`,
  ];
  assert.equal((await execute(["skopeo", "--insecure-policy", ...copy])).code, 0);
  assert.equal(await ok("load", "-i", join(daemon.dir, "oci.tar")), "Loaded image: localhost/from-skopeo:3");
  await ok("rmi", "localhost/from-skopeo:3");
  const rootfs = await docker("load", "-i", join(daemon.dir, "one.tar"));
  assert.match(rootfs.stderr, /holds no images/);
  const text = await daemon.docker(["load"], { input: "no archive".repeat(100) });
  assert.match(text.stderr, /no tar archive|invalid archive/i);
  const bad = await execute([
    "bash",
    "-c",
    `cd ${daemon.dir}; mkdir -p t/blobs/sha256; echo x > t/blobs/sha256/${"0".repeat(64)}; tar -C t -cf bad.tar blobs`,
  ]);
  assert.equal(bad.code, 0);
  assert.match((await docker("load", "-i", join(daemon.dir, "bad.tar"))).stderr, /has the digest/);
});

test("commit: changes of a container become a layer, with configuration", async () => {
  await ok(
    "run",
    "--name",
    "c1",
    "--network",
    "none",
    "-e",
    "X=1",
    "busybox",
    "sh",
    "-c",
    "echo new > /added; rm /etc/group",
  );
  const id = await ok(
    "commit",
    "-m",
    "why",
    "-a",
    "who",
    "-c",
    'CMD ["cat", "/added"]',
    "-c",
    "LABEL l=v",
    "c1",
    "mine:1",
  );
  assert.match(id, /^sha256:/);
  assert.equal(await ok("run", "--rm", "--network", "none", "mine:1"), "new");
  assert.equal(
    await ok("run", "--rm", "--network", "none", "mine:1", "sh", "-c", "echo $X; ls /etc | grep -c group || true"),
    "1\n0",
  );
  assert.equal(
    await ok("inspect", "-f", "{{.Comment}} {{.Author}} {{.Config.Labels.l}} {{len .RootFS.Layers}}", "mine:1"),
    "why who v 2",
  );
  await ok("run", "-d", "--name", "c2", "--network", "none", "busybox", "sleep", "60");
  await ok("commit", "c2", "mine:2");
  assert.equal(await ok("inspect", "-f", "{{.State.Status}}", "c2"), "running");
  assert.match((await docker("commit", "-c", "FROM x", "c2")).stderr, /FROM is not a valid change command/);
  await ok("rm", "-f", "c1", "c2");
  await daemon.clean();
  await ok("rmi", "mine:1", "mine:2");
});

test("push to a registry that wants credentials, login, pull it back, distribution inspect", async () => {
  await using registry = await startRegistry({ basic: true });
  const name = `${registry.host}/team/app:1`;
  await ok("tag", "busybox", name);
  const refused = await docker("push", name);
  assert.equal(refused.code, 1);
  const wrong = await daemon.docker(["login", "-u", "user", "--password-stdin", registry.host], {
    input: "wrong",
    env: { HOME: daemon.dir },
  });
  assert.match(wrong.stderr, /unauthorized|authentication/i);
  const config = join(daemon.dir, "config.json");
  writeFileSync(
    config,
    JSON.stringify({ auths: { [registry.host]: { auth: Buffer.from("user:secret").toString("base64") } } }),
  );
  const as = (...args: string[]) => ok("--config", daemon.dir, ...args);
  assert.match(await as("login", registry.host), /Login Succeeded/);
  assert.match(await as("push", name), /Pushed\n1: digest: sha256:[0-9a-f]{64} size: \d+$/);
  const digest = (await ok("inspect", "-f", "{{index .RepoDigests 0}}", name)).split("@")[1];
  assert.match(await as("push", name), /Layer already exists/);
  // the layers' labels say that they lie there already
  await ok("tag", "busybox", `${registry.host}/team/second:1`);
  assert.match(await as("push", `${registry.host}/team/second:1`), /Mounted from another repository/);
  await ok("rmi", `${registry.host}/team/second:1`);
  await ok("rmi", name);
  await as("pull", "-q", name);
  assert.equal((await ok("inspect", "-f", "{{index .RepoDigests 0}}", name)).split("@")[1], digest);
  const distribution = await as("manifest", "inspect", "--insecure", name);
  assert.match(distribution, /"mediaType"/);
  assert.match((await docker("push", "nosuch:1")).stderr, /tag does not exist: nosuch:1/);
  await ok("rmi", name);
});

test("system df counts each layer once, and answers fast", async () => {
  await ok("tag", "busybox", "again:1");
  await ok("run", "--name", "dfc", "--network", "none", "busybox", "sh", "-c", "head -c 100000 /dev/zero > /big");
  const rows = (await ok("system", "df", "--format", "{{.Type}} {{.TotalCount}} {{.Active}} {{.Size}}")).split("\n");
  assert.match(rows[0]!, /^Images 1 1 [\d.]+MB$/);
  assert.match(rows[1]!, /^Containers 1 0 1\d\d(\.\d+)?kB$/);
  assert.equal(rows[2], "Local Volumes 0 0 0B");
  assert.equal(rows[3], "Build Cache 0 0 0B");
  await ok("rm", "dfc");
  await ok("rmi", "again:1");
  assert.match((await docker("image", "prune", "-af")).stdout, /untagged: busybox:latest/i);
  assert.equal(await ok("images", "-q"), "");
});
