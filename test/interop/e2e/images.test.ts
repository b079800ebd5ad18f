// Images from Debian's docker-registry, pushed there by skopeo: pulled, run, shared, removed; and today's docker CLI on our daemon.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { dir, file, hardlink, symlink, tar } from "../../kernel/layer/support.ts";
import { uniqueName } from "../../support/run.ts";
import { startFaultyProxy } from "../registry/faulty.ts";
import { type RegistryProcess, run, startRegistry } from "../registry/support.ts";
import { build, Daemon, until } from "./daemon.ts";
import { addFiles, busyboxTar, DEBIAN, debianTar, type ImageSpec, makeLayout, push } from "./layouts.ts";

let daemon: Daemon;
let registry: RegistryProcess;
let base: Buffer;
let count = 0;

before(async () => {
  build();
  daemon = await Daemon.start();
  registry = await startRegistry();
  base = busyboxTar(join(daemon.dir, "base"), { "etc/base": "base\n" });
});
after(async () => {
  await registry[Symbol.asyncDispose]();
  await daemon[Symbol.asyncDispose]();
});

const folder = () => join(daemon.dir, `f${count++}`);

/** Pushes an image, and answers with its name. */
async function image(...specs: ImageSpec[]): Promise<string> {
  const name = `${registry.host}/test/i${count++}:v1`;
  await push(makeLayout(folder(), ...specs), name);
  return name;
}

test("layers in gzip, zstd and plain, upon one another, with whiteouts of both kinds", async () => {
  const name = await image({
    layers: [
      { tar: base, as: "gzip" },
      { tar: addFiles(folder(), { "d/one": "1", "d/two": "2", "e/old": "x" }), as: "zstd" },
      { tar: tar(file("d/.wh.one"), dir("e"), file("e/.wh..wh..opq"), file("e/new", "new")), as: "none" },
      { tar: addFiles(folder(), { "d/one.more": "3" }), as: "gzip" },
    ],
  });
  const { stdout, code, stderr } = await daemon.run([name, "sh", "-c", "cat /etc/base; ls /d /e"]);
  assert.deepEqual([stdout, code], ["base\n/d:\none.more\ntwo\n\n/e:\nnew\n", 0], stderr);
  await daemon.clean();
});

test("an index of platforms: ours is taken; --platform another one; one that is not there", async () => {
  const other = { layers: [{ tar: addFiles(folder(), { arm: "" }) }], architecture: "arm64" };
  const name = await image(other, { layers: [{ tar: base }, { tar: addFiles(folder(), { amd: "" }) }] });
  assert.match((await daemon.run([name, "ls", "/"])).stdout, /^amd$/m);
  assert.equal(await daemon.ok("inspect", "-f", "{{.Architecture}}", name), "amd64");
  const missing = await daemon.wharf(["pull", "--platform", "linux/s390x", name]);
  assert.equal(missing.code, 1);
  assert.match(missing.stderr, /linux\/s390x/);
  assert.match(missing.stderr, /linux\/arm64/, "it says what there is");
  await daemon.clean();
});

test("xattrs, sparse files, long names, hard links, set-uid: as they are in the layer", async () => {
  const long = `deep/${"n".repeat(120)}/${"m".repeat(200)}`;
  const made = folder();
  mkdirSync(made);
  execFileSync("truncate", ["-s", "10G", join(made, "sparse")]);
  writeFileSync(join(made, "cap"), "x", { mode: 0o755 });
  execFileSync("setfattr", ["-n", "user.note", "-v", "hello", join(made, "cap")]);
  execFileSync("setcap", ["cap_net_raw+ep", join(made, "cap")]);
  const options = ["-C", made, "--sparse", "--xattrs", "--xattrs-include=*", "--numeric-owner", "-cf", "-", "."];
  const special = execFileSync("tar", options, { maxBuffer: 1 << 28 });
  const raw = tar(
    { ...file("x", "deep"), pax: { path: long } },
    file("bin/su", "x", { mode: 0o4755 }),
    hardlink("bin/su2", "bin/su"),
    symlink("link", "/etc/base"),
    { name: "pipe", type: "6", mode: 0o600 },
  );
  const name = await image({ layers: [{ tar: base }, { tar: special, as: "zstd" }, { tar: raw }] });
  const script = `stat -c '%s %b' /sparse; cat /${long}; echo; stat -c '%a %h' /bin/su2; cat /link; stat -c %F /pipe`;
  const { stdout, stderr } = await daemon.run([name, "sh", "-c", script]);
  assert.equal(stdout, "10737418240 0\ndeep\n4755 2\nbase\nfifo\n", stderr);
  const caps = await daemon.run([
    "-v",
    "/usr/sbin/getcap:/getcap",
    "-v",
    "/lib:/lib",
    "-v",
    "/lib64:/lib64",
    name,
    "/getcap",
    "/cap",
  ]);
  assert.equal(caps.stdout, "/cap cap_net_raw=ep\n", caps.stderr);
  await daemon.clean();
});

test("pulling again says so and fetches nothing; a new image behind the tag is taken", async () => {
  // counts what it passes on as it comes: the registry's log may come later
  await using proxy = await startFaultyProxy(registry.port);
  const [pushed, name] = [registry.host, proxy.host].map((host) => `${host}/test/moving:v1`) as [string, string];
  const one = makeLayout(folder(), { layers: [{ tar: base }] });
  await push(one, pushed);
  const first = await daemon.wharf(["pull", name]);
  assert.match(first.stdout + first.stderr, /Downloaded newer image/);
  const gets = () => proxy.count(/^GET .*\/blobs\//);
  const before = gets();
  assert.ok(before > 0);
  const again = await daemon.wharf(["pull", name]);
  assert.match(again.stdout + again.stderr, /Image is up to date/);
  assert.equal(gets(), before);
  await push(makeLayout(folder(), { layers: [{ tar: base }, { tar: addFiles(folder(), { second: "2\n" }) }] }), pushed);
  assert.match((await daemon.wharf(["pull", name])).stdout, /Downloaded newer image/);
  assert.equal((await daemon.run([name, "cat", "/second"])).stdout, "2\n");
  await daemon.ok("rmi", name);
  await daemon.clean();
});

test("basic auth: refused without, served with the docker config's credentials", async () => {
  await using guarded = await startRegistry({ basic: true });
  const name = `${guarded.host}/test/secret:v1`;
  const layout = makeLayout(folder(), { layers: [{ tar: base }] });
  await run("skopeo", [
    "copy",
    "-q",
    "--dest-tls-verify=false",
    "--insecure-policy",
    "--dest-creds",
    "user:secret",
    `oci:${layout}:latest`,
    `docker://${name}`,
  ]);
  const refused = await daemon.wharf(["pull", name]);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /unauthorized|authentication|credentials|log in/i);
  mkdirSync(join(daemon.dir, ".docker"), { recursive: true });
  const auth = Buffer.from("user:secret").toString("base64");
  writeFileSync(join(daemon.dir, ".docker/config.json"), JSON.stringify({ auths: { [guarded.host]: { auth } } }));
  assert.equal((await daemon.run([name, "echo", "in"])).stdout, "in\n");
  await daemon.ok("rmi", name);
});

test("removing the last image of a layer frees its disk", async () => {
  const big = Buffer.alloc(3_000_000, 7);
  const name = await image({ layers: [{ tar: base }, { tar: tar(file("big", "", { data: big })), as: "none" }] });
  await daemon.ok("pull", name);
  // what is removed while it counts is an error to du, which counts on
  const used = () => Number(spawnSync("du", ["-sk", daemon.root], { encoding: "utf8" }).stdout.split("\t")[0]);
  const full = used();
  await daemon.ok("rmi", name);
  await until("the collection", () => used() < full - 5000);
});

test("Debian, made by debootstrap: runs, with its own users and its own dynamic linker", async () => {
  const name = await image({
    layers: [{ tar: debianTar(daemon.dir), as: "zstd" }],
    config: { config: { Cmd: ["bash"] } },
  });
  const { stdout, stderr, code } = await daemon.run([name, "cat", "/etc/os-release"]);
  assert.match(stdout, new RegExp(`VERSION_CODENAME=${DEBIAN}`), stderr);
  assert.equal(code, 0);
  const user = await daemon.run([
    "-u",
    "www-data",
    name,
    "bash",
    "-c",
    "id -un; dpkg -s bash | head -1; touch /root/x",
  ]);
  assert.equal(user.stdout, "www-data\nPackage: bash\n");
  assert.match(user.stderr, /Permission denied/);
  await daemon.clean();
});

test("today's docker CLI on our daemon: pull, run, ps, logs, exec, inspect, images, stop, rm, rmi", async () => {
  const name = await image({ layers: [{ tar: base }] });
  const docker = async (...args: string[]) => {
    const result = await daemon.docker(args);
    assert.equal(result.code, 0, `docker ${args.join(" ")}: ${result.stderr}`);
    return result.stdout.trimEnd();
  };
  const container = uniqueName("docker");
  assert.match(await docker("pull", name), /Status: Downloaded newer image/);
  assert.equal(await docker("run", "--rm", "--network", "none", "-e", "A=b", name, "sh", "-c", "echo $A"), "b");
  const failed = await daemon.docker(["run", "--rm", "--network", "none", name, "sh", "-c", "echo err >&2; exit 5"]);
  assert.deepEqual([failed.stdout, failed.stderr, failed.code], ["", "err\n", 5]);
  const missing = await daemon.docker(["run", "--rm", "--network", "none", name, "nothing"]);
  assert.equal(missing.code, 127, missing.stderr);
  const id = await docker(
    "run",
    "-d",
    "--name",
    container,
    "--network",
    "none",
    name,
    "sh",
    "-c",
    "echo up; sleep 100",
  );
  assert.equal(
    await docker("ps", "--no-trunc", "--format", "{{.ID}} {{.Names}} {{.Image}}"),
    `${id} ${container} ${name}`,
  );
  assert.equal(await docker("exec", container, "cat", "/etc/base"), "base");
  await until("its output", async () => (await docker("logs", container)) === "up");
  assert.equal(await docker("inspect", "-f", "{{.State.Status}} {{.Config.Image}}", container), `running ${name}`);
  assert.match(await docker("images", "--format", "{{.Repository}}:{{.Tag}}"), new RegExp(name));
  assert.equal(await docker("stop", "-t", "0", container), container);
  assert.equal(await docker("inspect", "-f", "{{.State.ExitCode}}", container), "137");
  await docker("rm", container);
  assert.match(await docker("rmi", name), /Untagged: /);
  assert.match(await docker("version", "-f", "{{.Server.APIVersion}}"), /^1\.\d+$/);
  const piped = await daemon.docker(["run", "--rm", "-i", "--network", "none", "busybox", "wc", "-c"], {
    input: Buffer.alloc(2_000_000),
  });
  assert.equal(piped.stdout, "2000000\n", piped.stderr);
  await daemon.clean();
});

test("many pulls at once of images that share layers: each layer once", async () => {
  const shared = tar(file("shared", "", { data: Buffer.alloc(2_000_000, 3) }));
  const names = await Promise.all(
    Array.from({ length: 4 }, (_, i) =>
      image({ layers: [{ tar: base }, { tar: shared }, { tar: tar(file(`own${i}`)) }] }),
    ),
  );
  const results = await Promise.all(
    names.flatMap((name) => [daemon.wharf(["pull", "-q", name]), daemon.wharf(["pull", "-q", name])]),
  );
  for (const { code, stderr } of results) assert.equal(code, 0, stderr);
  assert.equal((await daemon.run([names[3]!, "ls", "/"])).stdout.includes("own3"), true);
  await daemon.clean();
});
