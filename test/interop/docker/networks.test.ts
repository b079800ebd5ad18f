// The real docker CLI on our socket: the networks that are always there, and a network shared by containers.
import assert from "node:assert/strict";
import { hostname } from "node:os";
import { after, before, test } from "node:test";
import { build, Daemon } from "../e2e/daemon.ts";
import { commandLine } from "./command-line.ts";

let daemon: Daemon;
before(async () => {
  build();
  daemon = await Daemon.start();
  await daemon.busybox();
});
after(() => daemon[Symbol.asyncDispose]());

const { ok, refused } = commandLine(() => daemon);

test("docker network ls and inspect", async () => {
  const format = "{{.Name}} {{.Driver}} {{.Scope}}";
  assert.equal(await ok("network", "ls", "--format", format), "bridge bridge local\nhost host local\nnone null local");
  assert.equal(await ok("network", "ls", "--format", "{{.Name}}", "--filter", "driver=null"), "none");
  assert.equal(await ok("network", "ls", "-q", "--filter", "type=custom"), "");
  const [bridge] = JSON.parse(await ok("network", "inspect", "bridge"));
  const [{ Subnet, Gateway }] = bridge.IPAM.Config;
  assert.match(Subnet, /^(172|10)\.\d+\.0\.0\/16$/);
  assert.equal(Gateway, Subnet.replace("0.0/16", "0.1"));
  assert.match(bridge.Id, /^[0-9a-f]{64}$/);
  assert.equal(await ok("network", "inspect", "-f", "{{.Name}}", bridge.Id.slice(0, 12)), "bridge");
  await refused(/network nosuch not found/, "network", "inspect", "nosuch");
  await refused(/pre-defined network/, "network", "rm", "bridge");
  await refused(/predefined bridge network/, "network", "create", "bridge");
  assert.equal(await ok("network", "prune", "-f"), "");
});

test("a container on the bridge shows in the network, and the network in the container", async () => {
  const id = await ok("run", "-d", "--name", "n1", "busybox", "sleep", "1000");
  const [bridge] = JSON.parse(await ok("network", "inspect", "bridge"));
  const own = JSON.parse(await ok("inspect", "-f", "{{json .NetworkSettings.Networks.bridge}}", "n1"));
  assert.equal(own.NetworkID, bridge.Id);
  const entry = bridge.Containers[id];
  assert.equal(entry.Name, "n1");
  assert.equal(entry.IPv4Address, `${own.IPAddress}/16`);
  assert.equal(entry.MacAddress, own.MacAddress);
  const { stdout } = await daemon.docker(["stats", "--no-stream", "--format", "{{.NetIO}}", "n1"]);
  assert.match(stdout, /^\d\S*B \/ \d\S*B\n$/);
  await ok("rm", "-f", "n1");
  await daemon.clean();
});

test("--network container: shares interfaces, names and files", async () => {
  await ok(
    "run",
    "-d",
    "--name",
    "owner",
    "--hostname",
    "the-owner",
    "--add-host",
    "peer:192.0.2.7",
    "busybox",
    "sleep",
    "1000",
  );
  const address = await ok("inspect", "-f", "{{.NetworkSettings.IPAddress}}", "owner");
  const seen = await ok(
    "run",
    "--rm",
    "--network",
    "container:owner",
    "busybox",
    "sh",
    "-c",
    "hostname; cat /etc/hosts; ip -4 addr",
  );
  assert.match(seen, /^the-owner\n/);
  assert.match(seen, /192\.0\.2\.7\tpeer/);
  assert.ok(seen.includes(`inet ${address}/16`), seen);
  const id = await ok("inspect", "-f", "{{.Id}}", "owner");
  await ok("create", "--name", "guest", "--network", "container:owner", "busybox", "true");
  assert.equal(
    await ok("inspect", "-f", "{{.HostConfig.NetworkMode}} {{json .NetworkSettings.Networks}}", "guest"),
    `container:${id} {}`,
  );
  await refused(/conflicting options/, "create", "--network", "container:owner", "-p", "80:80", "busybox");
  await refused(/No such container/, "create", "--network", "container:nosuch", "busybox");
  await ok("stop", "-t", "0", "owner");
  await refused(/cannot join network of a non running container/, "start", "guest");
  await ok("rm", "owner", "guest");
  await ok("run", "-d", "--name", "onhost", "--network", "host", "busybox", "sleep", "1000");
  assert.equal(await ok("run", "--rm", "--network", "container:onhost", "busybox", "hostname"), hostname());
  await ok("rm", "-f", "onhost");
  await daemon.clean();
});
