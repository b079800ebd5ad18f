// `ctr run --cni` with CNI's own plugins, in a network namespace of the test's own: the bridge stands there, the daemon elsewhere.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { removeCgroups } from "../../support/cgroups.ts";
import { uniqueName } from "../../support/run.ts";
import { settles } from "../../support/until.ts";
import { execute } from "../cli/program.ts";
import { build, Daemon } from "../e2e/daemon.ts";
import { Ctr } from "./ctr.ts";

const IMAGE = "docker.io/library/busybox:latest";
const netns = uniqueName("cni");
let daemon: Daemon;
let ctr: Ctr;
let env: Record<string, string>;

before(async () => {
  build();
  await execute(["ip", "netns", "add", netns]);
  daemon = await Daemon.start();
  await daemon.busybox();
  const configs = join(daemon.dir, "net.d");
  mkdirSync(configs);
  const ipam = {
    ...{ type: "host-local", dataDir: join(daemon.dir, "ipam"), ranges: [[{ subnet: "10.97.0.0/24" }]] },
    routes: [{ dst: "0.0.0.0/0" }],
  };
  const plugins = [{ type: "bridge", bridge: "cnilab0", isGateway: true, ipam }];
  writeFileSync(
    join(configs, "10-lab.conflist"),
    JSON.stringify({ cniVersion: "1.0.0", name: daemon.cgroup, plugins }),
  );
  env = { ...(process.env as Record<string, string>), NETCONFPATH: configs, CNI_PATH: "/usr/lib/cni" };
  ctr = new Ctr(daemon, { namespace: "moby", own: true, within: ["ip", "netns", "exec", netns] });
});
after(async () => {
  for (const name of ["web", "failed"]) {
    await ctr.run(["tasks", "rm", "-f", name], { env });
    await ctr.run(["containers", "rm", name], { env });
  }
  await daemon[Symbol.asyncDispose]();
  await execute(["ip", "netns", "delete", netns]);
  removeCgroups("moby");
});

const addresses = () =>
  existsSync(join(daemon.dir, "ipam", daemon.cgroup))
    ? readdirSync(join(daemon.dir, "ipam", daemon.cgroup)).filter((name) => name.startsWith("10.97."))
    : [];

const run = async (...args: string[]) => {
  const { code, stdout, stderr } = await ctr.run(args, { env });
  assert.equal(code, 0, `${args.join(" ")}: ${stderr}`);
  return stdout;
};

test("a container in the foreground has a network while it runs", async () => {
  const script = "ip -o -4 addr show eth0; ip route";
  const said = await run("run", "--rm", "--cni", "--fifo-dir", ctr.fifos, IMAGE, "front", "sh", "-c", script);
  assert.match(said, /inet 10\.97\.0\.2\/24/);
  assert.match(said, /default via 10\.97\.0\.1 dev eth0/);
  assert.deepEqual(addresses(), []);
});

test("one in the background answers, and lets go with its task", async () => {
  const server = ["httpd", "-f", "-h", "/etc"];
  await run("run", "-d", "--cni", "--fifo-dir", ctr.fifos, IMAGE, "web", ...server);
  assert.equal(addresses().length, 1);
  const record = JSON.parse(await run("containers", "info", "web")) as {
    Extensions: Record<string, { type_url: string; value: string }>;
  };
  const extension = record.Extensions["ctr.cni-containerd.metadata"]!;
  assert.equal(extension.type_url, "github.com/containerd/containerd/v2/cmd/ctr/commands/NetworkMetaData");
  assert.equal(Buffer.from(extension.value, "base64").toString(), '{"EnableCni":true}');
  const fetch = ["ip", "netns", "exec", netns, "busybox", "wget", "-qO-", `http://${addresses()[0]}/passwd`];
  await settles(
    () => execute(fetch).then(({ stdout }) => stdout),
    (page) => assert.match(page, /^root:/),
  );
  await run("tasks", "rm", "-f", "web");
  assert.deepEqual(addresses(), []);
  await run("containers", "rm", "web");
});

test("a network that cannot be made keeps the container from starting, and leaves nothing", async () => {
  const none = { ...env, CNI_PATH: "/nowhere" };
  const failing = ["run", "-d", "--cni", "--fifo-dir", ctr.fifos, IMAGE, "failed", "true"];
  const { code, stderr } = await ctr.run(failing, { env: none });
  assert.equal(code, 1);
  assert.match(stderr, /^ctr: CNI plugin "bridge" is in none of \/nowhere: failed precondition\nhint: /);
  assert.doesNotMatch(stderr, /warning/);
  assert.doesNotMatch(await run("tasks", "ls"), /failed/);
  await run("containers", "rm", "failed");
  assert.deepEqual(addresses(), []);
});

test("what a network that failed has left and does not take back is told beside why it failed", async () => {
  const plugins = join(daemon.dir, "plugins");
  mkdirSync(plugins);
  const says = `echo '{"cniVersion":"1.0.0","code":100,"msg":"no '$CNI_COMMAND'"}'; exit 1`;
  writeFileSync(join(plugins, "bridge"), `#!/bin/sh\n${says}\n`, { mode: 0o755 });
  const failing = ["run", "-d", "--cni", "--fifo-dir", ctr.fifos, IMAGE, "failed", "true"];
  const { code, stderr } = await ctr.run(failing, { env: { ...env, CNI_PATH: plugins } });
  assert.equal(code, 1);
  assert.match(stderr, /^ctr: warning: the network of failed stays: .*no DEL/m);
  assert.match(stderr, /^ctr: CNI plugin "bridge" failed \(add\): no ADD/m);
  await run("containers", "rm", "failed");
});
