// What clients other than the docker CLI rely on: the form of exec's output, ends and restarts, links, addresses, paths inside volumes.
import assert from "node:assert/strict";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { build, Daemon, until } from "../e2e/daemon.ts";
import { Api, frames } from "./client.ts";

let daemon: Daemon;
const api = new Api(() => daemon.socket);
before(async () => {
  build();
  daemon = await Daemon.start();
  await daemon.busybox();
});
after(() => daemon[Symbol.asyncDispose]());

const SLEEP = { Cmd: ["sleep", "1000"] };

test("exec: the start says whether output has frames, whatever the process has", async () => {
  const id = await api.create(SLEEP);
  await api.start(id);
  const exec = async (own: boolean, start: boolean) => {
    const Cmd = ["sh", "-c", "echo out; echo err >&2"];
    const made = await api.expect(201, "POST", `/containers/${id}/exec`, {
      Cmd,
      Tty: own,
      AttachStdout: true,
      AttachStderr: true,
    });
    const stream = api.stream(`/v1.51/exec/${made.json().Id}/start`, JSON.stringify({ Tty: start }));
    await stream.ended;
    return stream;
  };
  const terminal = await exec(true, false);
  assert.match(terminal.header, /multiplexed-stream/);
  assert.deepEqual(frames(terminal.data), [[1, "out\r\nerr\r\n"]]);
  const pipes = await exec(false, true);
  assert.match(pipes.header, /raw-stream/);
  assert.deepEqual(pipes.data.toString().split("\n").sort(), ["", "err", "out"]);
  assert.equal((await exec(true, true)).data.toString(), "out\r\nerr\r\n");
  await api.remove(id);
});

test("wait answers at each end, also where the policy starts the container again; that one is not removed without force", async () => {
  const id = await api.create({
    Cmd: ["sh", "-c", "exit 3"],
    HostConfig: { NetworkMode: "none", RestartPolicy: { Name: "always" } },
  });
  await api.start(id);
  assert.deepEqual((await api.expect(200, "POST", `/containers/${id}/wait`)).json(), { StatusCode: 3 });
  await until("restarts", async () => (await api.inspect(id)).RestartCount >= 3);
  await until("a pause between", async () => (await api.inspect(id)).State.Restarting);
  await api.refused(409, /container is (restarting|running): stop the container before/, "DELETE", `/containers/${id}`);
  await api.expect(204, "POST", `/containers/${id}/stop`);
  await api.expect(204, "DELETE", `/containers/${id}`);
  await daemon.clean();
});

test("links: names, ports and variables of the other container; they end with the link", async () => {
  const bridge = { NetworkMode: "bridge" };
  const other = await api.create(
    { ...SLEEP, Env: ["FOO=1"], ExposedPorts: { "80/tcp": {}, "81/tcp": {}, "53/udp": {} }, HostConfig: bridge },
    "?name=other",
  );
  await api.start(other);
  const linking = { ...SLEEP, HostConfig: { ...bridge, Links: ["other:my-alias"] } };
  const id = await api.create(linking, "?name=linking");
  await api.start(id);
  const { IPAddress } = (await api.inspect(other)).NetworkSettings;
  const text = await daemon.ok("exec", "linking", "sh", "-c", "env | grep ^MY; cat /etc/hosts; ping -c1 my-alias");
  for (const line of [
    `MY_ALIAS_PORT=tcp://${IPAddress}:80`,
    `MY_ALIAS_PORT_80_TCP_START=tcp://${IPAddress}:80`,
    "MY_ALIAS_PORT_80_TCP_PORT_END=81",
    `MY_ALIAS_PORT_53_UDP=udp://${IPAddress}:53`,
    "MY_ALIAS_NAME=/linking/my-alias",
    "MY_ALIAS_ENV_FOO=1",
    `${IPAddress}\tmy-alias ${other.slice(0, 12)} other`,
  ])
    assert.ok(text.includes(`${line}\n`), `${line} in ${text}`);
  assert.deepEqual((await api.inspect(id)).HostConfig.Links, ["/other:/linking/my-alias"]);
  const names = async () => {
    const rows = (await api.expect(200, "GET", "/containers/json")).json() as { Id: string; Names: string[] }[];
    return rows.find((row) => row.Id === other)?.Names;
  };
  assert.deepEqual(await names(), ["/other", "/linking/my-alias"]);
  await daemon.restart();
  assert.deepEqual(await names(), ["/other", "/linking/my-alias"]);
  // Another address is told to those that are linked.
  await api.expect(204, "POST", `/containers/${other}/stop?t=0`);
  const between = await api.create({ ...SLEEP, HostConfig: bridge });
  await api.start(between);
  await api.start(other);
  const now = (await api.inspect(other)).NetworkSettings.IPAddress;
  assert.match(await daemon.ok("exec", "linking", "cat", "/etc/hosts"), new RegExp(`^${now}\tmy-alias`, "m"));
  await api.expect(204, "POST", `/containers/${other}/stop?t=0`);
  await api.expect(204, "POST", `/containers/${id}/stop?t=0`);
  await api.refused(409, /Cannot link to a non running container: \/other AS/, "POST", `/containers/${id}/start`);
  await api.expect(204, "DELETE", "/containers/linking/my-alias?link=1");
  assert.equal((await api.inspect(id)).HostConfig.Links, null);
  await api.start(id);
  await api.refused(400, /could not get container for nosuch/, "POST", "/containers/create", {
    Image: "busybox",
    HostConfig: { Links: ["nosuch:x"] },
  });
  await api.remove(id, other, between);
  await daemon.clean();
});

test("a MAC address: of the endpoint, or of the whole container as older clients give it", async () => {
  const mac = "02:42:ac:11:00:99";
  for (const body of [
    { MacAddress: mac },
    { NetworkingConfig: { EndpointsConfig: { bridge: { MacAddress: mac } } } },
    { NetworkingConfig: { EndpointsConfig: { default: { MacAddress: mac } } } },
  ]) {
    const id = await api.create({ ...SLEEP, HostConfig: {}, ...body });
    await api.start(id);
    assert.equal((await api.inspect(id)).NetworkSettings.Networks.bridge.MacAddress, mac);
    assert.match(await daemon.ok("exec", id, "cat", "/sys/class/net/eth0/address"), new RegExp(mac));
    await api.remove(id);
  }
  const both = {
    MacAddress: mac,
    NetworkingConfig: { EndpointsConfig: { bridge: { MacAddress: "02:00:00:00:00:01" } } },
  };
  const bad = (body: object) => ({ Image: "busybox", ...SLEEP, ...body });
  await api.refused(400, /must match the endpoint-specific MAC/, "POST", "/containers/create", bad(both));
  await api.refused(400, /invalid MAC address/, "POST", "/containers/create", bad({ MacAddress: "zz" }));
});

test("--add-host host-gateway is the host's address on the bridge; extra names, name servers", async () => {
  const HostConfig = {
    ExtraHosts: ["here:host-gateway", "six:[::1]", "there=192.0.2.7"],
    Dns: ["192.0.2.53"],
    DnsSearch: ["example.test"],
    DnsOptions: ["ndots:2"],
  };
  const text = await api.run({ Cmd: ["cat", "/etc/hosts", "/etc/resolv.conf"], HostConfig });
  const { Gateway } = (await api.expect(200, "GET", "/networks/bridge")).json().IPAM.Config[0];
  for (const line of [
    `${Gateway}\there`,
    "::1\tsix",
    "192.0.2.7\tthere",
    "nameserver 192.0.2.53",
    "search example.test",
    "options ndots:2",
  ])
    assert.ok(text.includes(`${line}\n`), `${line} in ${text}`);
});

test("a path inside a volume: only that is seen, no link in the volume leads out, and it goes with the container", async () => {
  await api.expect(201, "POST", "/volumes/create", { Name: "sub" });
  const whole = { NetworkMode: "none", Binds: ["sub:/v"] };
  const fill = `mkdir -p /v/a/b; echo inside > /v/a/b/f; echo other > /v/g; ln -s ${daemon.dir} /v/out; ln -s ../../../../../../../../../../../..${daemon.dir} /v/up; ln -s a /v/in`;
  await api.run({ Cmd: ["sh", "-c", fill], HostConfig: whole });
  const mount = (Subpath: string, more = {}) => ({
    NetworkMode: "none",
    Mounts: [{ Type: "volume", Source: "sub", Target: "/m", VolumeOptions: { Subpath }, ...more }],
  });
  assert.equal(await api.run({ Cmd: ["sh", "-c", "cd /m; find . | sort"], HostConfig: mount("a") }), ".\n./b\n./b/f\n");
  assert.equal(await api.run({ Cmd: ["cat", "/m/b/f"], HostConfig: mount("in") }), "inside\n", "a link inside");
  assert.equal(await api.run({ Cmd: ["cat", "/m"], HostConfig: mount("a/b/f") }), "inside\n", "a file");
  assert.match(
    await api.run({ Cmd: ["sh", "-c", "touch /m/x 2>&1 || true"], HostConfig: mount("a", { ReadOnly: true }) }),
    /Read-only/,
  );
  for (const path of ["out", "up", "nosuch"]) {
    const id = await api.create({ Cmd: ["ls", "/m"], HostConfig: mount(path) });
    await api.refused(400, /cannot access path/, "POST", `/containers/${id}/start`);
    await api.call("GET", `/containers/${id}/archive?path=/m/`);
    await api.remove(id);
  }
  for (const path of ["/a", "../a", "a/../../b"]) {
    const body = { Image: "busybox", HostConfig: mount(path) };
    await api.refused(400, /subpath must be a relative path within the volume/, "POST", "/containers/create", body);
  }
  // cp into a container that does not run shows the same place.
  const id = await api.create({ ...SLEEP, HostConfig: mount("a") });
  const stat = await api.expect(200, "HEAD", `/containers/${id}/archive?path=/m/b/f`);
  assert.equal(JSON.parse(Buffer.from(stat.headers["x-docker-container-path-stat"]!, "base64").toString()).size, 7);
  await api.start(id);
  await daemon.restart();
  assert.equal(await daemon.ok("exec", id, "cat", "/m/b/f"), "inside");
  const mounts = () => readFileSync("/proc/self/mountinfo", "utf8").includes(`${daemon.state}/subpaths/`);
  assert.ok(mounts());
  await api.expect(204, "POST", `/containers/${id}/restart?t=0`);
  assert.equal(await daemon.ok("exec", id, "cat", "/m/b/f"), "inside");
  // Another one inherits it.
  const from = { NetworkMode: "none", VolumesFrom: [id] };
  assert.equal(await api.run({ Cmd: ["cat", "/m/b/f"], HostConfig: from }), "inside\n");
  await api.remove(id);
  assert.ok(!mounts());
  assert.ok(!existsSync(join(daemon.state, "subpaths", id)));
  await api.expect(204, "DELETE", "/volumes/sub");
  await daemon.clean();
});

test("a runtime that older clients name beside HostConfig", async () => {
  const id = await api.create({ ...SLEEP, Runtime: "runc" });
  assert.equal((await api.inspect(id)).HostConfig.Runtime, "runc");
  await api.remove(id);
});

test("exec and attach: a client that is slow to read gets the header by itself, for some lose what comes with it", async () => {
  const id = await api.create(SLEEP);
  await api.start(id);
  // the daemon's patience with it has an end, which a busy machine may reach
  let apart = 0;
  for (let i = 0; i < 50 && apart < 5; i++) {
    const made = await api.expect(201, "POST", `/containers/${id}/exec`, { Cmd: ["echo", "out"], AttachStdout: true });
    const socket = connect(daemon.socket);
    const body = "{}";
    socket.write(
      `POST /exec/${made.json().Id}/start HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    await sleep(60);
    const pieces: string[] = [];
    for await (const piece of socket as AsyncIterable<Buffer>) pieces.push(piece.toString("latin1"));
    assert.match(pieces.join(""), /\r\n\r\n\x01\0\0\0\0\0\0\x04out\n$/);
    if (pieces[0]!.endsWith("\r\n\r\n")) apart++;
  }
  assert.equal(apart, 5);
  await api.remove(id);
});

test("a client that attaches while a program is begun does not undo the start where the output has ended by then", async () => {
  const id = await api.create({ Cmd: ["sh", "-c", "exit 7"] });
  const socket = join(daemon.state, "io", `${id.slice(0, 24)}.sock`);
  let answered = false;
  const started = api.call("POST", `/containers/${id}/start`).finally(() => (answered = true));
  // It is there from the beginning of its creation to the end of its output.
  while (!answered && !existsSync(socket)) await nextTurn();
  rmSync(socket, { force: true });
  const client = api.stream(`/containers/${id}/attach?stream=1&stdout=1`);
  const { status, body } = await started;
  assert.equal(status, 204, String(body));
  assert.deepEqual((await api.expect(200, "POST", `/containers/${id}/wait`)).json(), { StatusCode: 7 });
  client.socket.destroy();
  await api.remove(id);
  await daemon.clean();
});
