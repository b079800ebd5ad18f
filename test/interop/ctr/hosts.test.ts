// What a hosts.toml says is done: the same files for a real containerd and our daemon, by the real ctr, with registries that have TLS; and our daemon's own configuration.
import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { ROOT } from "../../../tools/lib/native.ts";
import { build, Daemon } from "../e2e/daemon.ts";
import { type FaultyProxy, startFaultyProxy } from "../registry/faulty.ts";
import { type BuiltImage, buildImage, type RegistryProcess, skopeoPush, startRegistry } from "../registry/support.ts";
import { RealContainerd } from "./containerd.ts";
import { Ctr } from "./ctr.ts";

const TLS = join(ROOT, "test/interop/cli/data/tls");
const NAME = "reg.example/team/app";

let daemon: Daemon;
let containerd: RealContainerd;
/** Wants a certificate of its clients. */
let secure: RegistryProcess;
let plain: RegistryProcess;
let mirror: FaultyProxy;
let second: FaultyProxy;
let digests: string[];

before(async () => {
  build();
  daemon = Daemon.prepare({ config: "" });
  const both = [readFileSync(join(TLS, "client.pem")), readFileSync(join(TLS, "client-key.pem"))];
  writeFileSync(join(daemon.dir, "both.pem"), Buffer.concat(both));
  // the authority is one that this machine trusts, as after update-ca-certificates
  writeFileSync(join(daemon.dir, "config.toml"), `registry-config-path = "${daemon.dir}/daemon-hosts"\n`);
  await daemon.start({ SSL_CERT_FILE: join(TLS, "ca.pem") });
  containerd = await RealContainerd.start(daemon.dir);
  copyFileSync(join(TLS, "ca.pem"), join(containerd.dir, "ca.pem"));
  const tls = { certificate: join(TLS, "server.pem"), key: join(TLS, "server-key.pem"), clients: join(TLS, "ca.pem") };
  [secure, plain] = await Promise.all([startRegistry({ tls }), startRegistry()]);
  [mirror, second] = [await startFaultyProxy(plain.port), await startFaultyProxy(plain.port)];
  const images = await Promise.all(["1", "2"].map((tag) => buildImage(daemon.dir, [{ files: { "bin/sh": tag } }])));
  digests = images.map(({ manifestDescriptor }) => manifestDescriptor.digest);
  const [image, other] = images as [BuiltImage, BuiltImage];
  await skopeoPush(image, `${plain.host}/team/app:1`);
  await skopeoPush(other, `${plain.host}/team/app:2`);
  await skopeoPush(image, `127.0.0.1:${secure.port}/team/app:1`, [`--dest-cert-dir=${certificates(daemon.dir)}`]);
});
after(async () => {
  for (const one of [mirror, second, plain, secure, containerd, daemon]) await one?.[Symbol.asyncDispose]();
});

/** A folder in Docker's form. */
function certificates(parent: string): string {
  const folder = join(parent, "certs");
  mkdirSync(folder, { recursive: true });
  for (const [to, from] of Object.entries({ "ca.crt": "ca.pem", "c.cert": "client.pem", "c.key": "client-key.pem" }))
    writeFileSync(join(folder, to), readFileSync(join(TLS, from)));
  return folder;
}

/** `name` of a registry has this hosts.toml. */
function hosts(folder: string, text: string, name = "reg.example"): void {
  mkdirSync(join(folder, name), { recursive: true });
  for (const file of ["ca.pem", "other-ca.pem", "client.pem", "client-key.pem"])
    writeFileSync(join(folder, name, file), readFileSync(join(TLS, file)));
  writeFileSync(join(folder, name, "both.pem"), readFileSync(join(daemon.dir, "both.pem")));
  writeFileSync(join(folder, name, "hosts.toml"), text);
}

let count = 0;

const targets = () => [daemon, containerd] as const;

/** Pulled on both by the real ctr; answers how it ended on each. */
async function pull(text: string, { name = "reg.example", tag = 1 } = {}): Promise<string[]> {
  // where either sees it
  const folder = join(containerd.dir, `hosts-${++count}`);
  hosts(folder, text, name);
  const ended: string[] = [];
  for (const target of targets()) {
    const ctr = new Ctr(target, { namespace: `n${count}` });
    const { code, stderr } = await ctr.run(["images", "pull", "--hosts-dir", folder, `${NAME}:${tag}`]);
    const { stdout } = await ctr.run(["images", "ls"]);
    assert.equal(stdout.includes(digests[tag - 1]!), code === 0, stderr);
    ended.push(code === 0 ? "pulled" : stderr);
  }
  return ended;
}

const CLIENT = 'client = [["client.pem", "client-key.pem"]]\n';
const here = (server: string | RegistryProcess) =>
  `server = "https://${typeof server === "string" ? server : `127.0.0.1:${server.port}`}"\n`;

test("ca, client and skip_verify in each of their forms, at the server and at a host", async () => {
  const both = ["pulled", "pulled"];
  for (const settings of [
    `ca = "ca.pem"\n${CLIENT}`,
    `ca = ["other-ca.pem", "${containerd.dir}/ca.pem"]\nclient = "both.pem"\n`,
    'skip_verify = true\nclient = ["both.pem"]\n',
  ])
    assert.deepEqual(await pull(here(secure) + settings), both, settings);
  const [ours, theirs] = await pull(`${here(secure)}ca = "ca.pem"\n`);
  for (const said of [ours, theirs]) assert.match(said!, /certificate required|handshake|bad certificate/i);
  const host = `[host."127.0.0.1:${secure.port}"]\nca = "ca.pem"\n${CLIENT}`;
  assert.deepEqual(await pull(`server = "https://127.0.0.1:1"\n${host}`), both);
  // http, but with settings of TLS: that is tried first
  assert.deepEqual(await pull(`server = "http://127.0.0.1:${secure.port}"\nskip_verify = true\n${CLIENT}`), both);
  assert.deepEqual(await pull(`server = "http://${plain.host}"\nskip_verify = false\n`), both);
});

test("an authority of the machine counts, also beside a host's own", async () => {
  for (const settings of [CLIENT, `ca = "other-ca.pem"\n${CLIENT}`])
    assert.equal((await pull(here(secure) + settings))[0], "pulled", settings);
});

test("hosts in their order, with what they are capable of, their headers and paths, and settings that are not known", async () => {
  const header = 'header = { x-one = "1", x-two = ["2", "3"] }\n';
  const text = `server = "http://${second.host}"
some_day = true
[host."http://127.0.0.1:1"]
[host."http://${mirror.host}/v2/"]
capabilities = ["Pull"]
${header}`;
  for (const one of [mirror, second]) one.seen.length = 0;
  assert.deepEqual(await pull(text, { tag: 2 }), ["pulled", "pulled"]);
  // who may not resolve is not asked for a tag; from whom may be pulled, is
  assert.equal(mirror.count(/manifests\/2/), 0);
  assert.ok(mirror.count(/^GET \/v2\/team\/app\/blobs/) >= 4, "both of each");
  assert.ok(second.count(/manifests\/2/) >= 2);
  assert.equal(second.count(/^GET .*blobs/), 0);
  for (const { headers } of mirror.seen) assert.deepEqual([headers["x-one"], headers["x-two"]], ["1", "2, 3"]);

  for (const [path, seen] of [
    [`${mirror.host}/sub`, "/sub/v2/team"],
    [`${mirror.host}/sub/v2`, "/sub/v2/team"],
    [`${mirror.host}/sub"]\noverride_path = true\n[host."http://127.0.0.1:2`, "/sub/team"],
  ] as const) {
    mirror.seen.length = 0;
    assert.deepEqual(await pull(`server = "http://${second.host}"\n[host."http://${path}"]\n`), ["pulled", "pulled"]);
    assert.equal(mirror.seen.length, mirror.seen.filter(({ url }) => url.startsWith(seen)).length, path);
    assert.ok(mirror.seen.length >= 2, path);
  }
});

test("_default serves registries without a folder; an empty list of capabilities is all, an empty server none", async () => {
  const text = `server = ""\n[host."http://${mirror.host}"]\ncapabilities = []\n`;
  assert.deepEqual(await pull(text, { name: "_default" }), ["pulled", "pulled"]);
});

test("registry-config-path: the daemon's own pulls and pushes by the same files, read anew each time", async () => {
  const folder = join(daemon.dir, "daemon-hosts");
  hosts(folder, `${here(secure)}${CLIENT}[host."http://${mirror.host}"]\ncapabilities = ["pull", "resolve"]\n`);
  mirror.seen.length = 0;
  await daemon.ok("pull", `${NAME}:1`);
  assert.ok(mirror.count(/^GET .*blobs/) >= 1);
  await daemon.ok("tag", `${NAME}:1`, "reg.example/new/app:1");
  await daemon.ok("push", "reg.example/new/app:1");
  assert.equal(mirror.count(/^(PUT|POST|PATCH)/), 0, "a mirror that may not be pushed to is not");
  assert.match(secure.log(), /PUT \/v2\/new\/app\/manifests\/1/);
  hosts(folder, `${here(secure)}${CLIENT}capabilities = ["pull", "resolve"]\n`);
  const refused = await daemon.wharf(["push", "reg.example/new/app:1"]);
  assert.match(`${refused.stdout}${refused.stderr}`, /no host of reg.example is configured to push/);
});
