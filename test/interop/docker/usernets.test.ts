// Networks of the users' own: made, inspected, used by containers that know each other by name, kept over a restart, removed.
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync, rmSync } from "node:fs";
import { type IncomingMessage, request } from "node:http";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";
import { uniqueName } from "../../support/run.ts";
import { execute } from "../cli/program.ts";
import { build, Daemon, until } from "../e2e/daemon.ts";
import { Api } from "./client.ts";
import { commandLine } from "./command-line.ts";

// In a network namespace that stands for the host.
const host = uniqueName("nets");
const within = ["nsenter", `--net=/run/netns/${host}`];
let daemon: Daemon;
const api = new Api(() => daemon.socket);
before(async () => {
  build();
  assert.equal((await execute(["ip", "netns", "add", host])).code, 0);
  await execute([...within, "ip", "link", "set", "lo", "up"]);
  daemon = await Daemon.start({ within });
  await daemon.busybox();
});
after(async () => {
  await daemon?.[Symbol.asyncDispose]();
  await execute(["ip", "netns", "delete", host]);
});

const { ok, refused } = commandLine(() => daemon);
const links = async () => (await execute([...within, "ip", "-o", "link"])).stdout;
const tables = async () => (await execute([...within, "nft", "list", "tables"])).stdout;
const create = (body: object, status = 201) => api.expect(status, "POST", "/networks/create", body);

test("a network is made, listed, inspected and removed; what cannot be is refused by its name", async () => {
  const made = ["--label", "a=b", "-o", "x=y", "--subnet", "10.77.0.0/24", "--attachable", "--scope", "local"];
  const id = await ok("network", "create", ...made, "mine");
  assert.match(id, /^[0-9a-f]{64}$/);
  const [seen] = JSON.parse(await ok("network", "inspect", id.slice(0, 12)));
  assert.deepEqual(
    [seen.Name, seen.Id, seen.Driver, seen.Labels, seen.Options, seen.IPAM.Config, seen.Containers],
    ["mine", id, "bridge", { a: "b" }, { x: "y" }, [{ Subnet: "10.77.0.0/24", Gateway: "10.77.0.1" }], {}],
  );
  const { Attachable, Scope, Ingress, ConfigOnly, ConfigFrom, EnableIPv4, EnableIPv6, Internal } = seen;
  assert.deepEqual([Attachable, Scope, ConfigFrom, EnableIPv4], [true, "local", { Network: "" }, true]);
  assert.deepEqual([Ingress, ConfigOnly, EnableIPv6, Internal], [false, false, false, false]);
  assert.equal(await ok("network", "ls", "-q", "--no-trunc", "--filter", "type=custom"), id);
  assert.equal(await ok("network", "ls", "--format", "{{.Name}}", "--filter", "label=a=b"), "mine");
  assert.equal(await ok("network", "ls", "--format", "{{.Name}}", "--filter", "dangling=true"), "mine");
  for (const [status, message, body] of [
    [409, /network with name mine already exists/, { Name: "mine" }],
    [403, /predefined bridge network/, { Name: "bridge" }],
    [400, /name is required/, {}],
    [400, /invalid network name/, { Name: "a b" }],
    [404, /could not find plugin macvlan/, { Name: "n", Driver: "macvlan" }],
    [501, /an internal network is not there yet/, { Name: "n", Internal: true }],
    [501, /IPv6 is not there yet/, { Name: "n", EnableIPv6: true }],
    [501, /a network without IPv4 is not there yet/, { Name: "n", EnableIPv4: false }],
    [501, /an ingress network is not there yet/, { Name: "n", Ingress: true }],
    [501, /a configuration only is not there yet/, { Name: "n", ConfigOnly: true }],
    [501, /the configuration of another network is not there yet/, { Name: "n", ConfigFrom: { Network: "mine" } }],
    [501, /the scope swarm is not there yet/, { Name: "n", Scope: "swarm" }],
    [
      501,
      /enable_icc=false is not there yet/,
      { Name: "n", Options: { "com.docker.network.bridge.enable_icc": "false" } },
    ],
    [
      501,
      /gateway_mode_ipv4=isolated is not there yet/,
      { Name: "n", Options: { "com.docker.network.bridge.gateway_mode_ipv4": "isolated" } },
    ],
    [501, /address driver nosuch is/, { Name: "n", IPAM: { Driver: "nosuch" } }],
    [501, /address driver's option a is/, { Name: "n", IPAM: { Options: { a: "b" } } }],
    [501, /several subnets/, { Name: "n", IPAM: { Config: [{ Subnet: "10.1.0.0/24" }, { Subnet: "10.2.0.0/24" }] } }],
    [501, /IPRange/, { Name: "n", IPAM: { Config: [{ Subnet: "10.1.0.0/24", IPRange: "10.1.0.0/25" }] } }],
    [
      501,
      /auxiliary/,
      { Name: "n", IPAM: { Config: [{ Subnet: "10.1.0.0/24", AuxiliaryAddresses: { a: "10.1.0.2" } }] } },
    ],
    [
      400,
      /invalid subnet 10.0.0.1\/24: it should be 10.0.0.0\/24/,
      { Name: "n", IPAM: { Config: [{ Subnet: "10.0.0.1/24" }] } },
    ],
    [
      400,
      /no matching subnet for gateway/,
      { Name: "n", IPAM: { Config: [{ Subnet: "10.1.0.0/24", Gateway: "10.2.0.1" }] } },
    ],
    [403, /Pool overlaps/, { Name: "n", IPAM: { Config: [{ Subnet: "10.77.0.128/25" }] } }],
  ] as const)
    assert.match((await create(body, status)).json().message, message);
  // Only what all filters hold for is pruned.
  const pruned = (filters: object) =>
    api.expect(200, "POST", `/networks/prune?filters=${encodeURIComponent(JSON.stringify(filters))}`);
  for (const filters of [{ until: ["1h"] }, { label: ["a=c"] }, { "label!": ["a"] }, { label: ["a"], until: ["2h"] }])
    assert.equal((await pruned(filters)).json().NetworksDeleted, null, JSON.stringify(filters));
  await api.refused(400, /invalid filter 'x'/, "POST", `/networks/prune?filters=${encodeURIComponent('{"x":["y"]}')}`);
  const future = new Date(Date.now() + 3_600_000).toISOString();
  assert.deepEqual((await pruned({ until: [future], label: ["a=b"], "label!": ["b"] })).json().NetworksDeleted, [
    "mine",
  ]);
  await create({ Name: "mine" });
  assert.equal(await ok("network", "rm", "mine"), "mine");
  await refused(/network mine not found/, "network", "inspect", "mine");
});

test("containers of a network know each other by name and alias, come and go; others cannot reach them", async () => {
  await ok("network", "create", "one");
  await ok("network", "create", "two");
  const sleep = ["busybox", "sleep", "1000"];
  const a = await ok("run", "-d", "--name", "aa", "--network", "one", "--network-alias", "also", ...sleep);
  await ok("run", "-d", "--name", "bb", "--network", "one", "-p", "8099:80", ...sleep);
  await ok("run", "-d", "--name", "cc", "--network", "two", ...sleep);
  const address = (name: string) =>
    ok("inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", name);
  const own = JSON.parse(await ok("inspect", "-f", "{{json .NetworkSettings.Networks}}", "aa"));
  assert.deepEqual(Object.keys(own), ["one"]);
  assert.deepEqual(own.one.Aliases, ["also"]);
  assert.deepEqual(own.one.DNSNames, ["aa", "also", a.slice(0, 12)]);
  assert.equal(own.one.NetworkID, await ok("network", "inspect", "-f", "{{.Id}}", "one"));
  for (const name of ["aa", "also", a.slice(0, 12)]) {
    const told = await ok("exec", "bb", "ping", "-c", "1", "-W", "5", name);
    assert.ok(told.includes(`(${await address("aa")})`), told);
  }
  assert.match(await ok("exec", "aa", "ping", "-c", "1", "-W", "5", "bb"), /1 packets received/);
  assert.equal((await daemon.docker(["exec", "cc", "ping", "-c", "1", "-W", "1", await address("aa")])).code, 1);
  assert.doesNotMatch(await ok("exec", "cc", "cat", "/etc/hosts"), /\taa\b/);
  assert.match(await ok("port", "bb"), /80\/tcp -> 0\.0\.0\.0:8099/);
  const [{ Containers }] = JSON.parse(await ok("network", "inspect", "one"));
  assert.equal(Containers[a].IPv4Address, `${await address("aa")}/16`);
  await refused(/network one has active endpoints \(name:"aa"/, "network", "rm", "one");
  // The daemon's death changes nothing.
  await daemon.restart("SIGKILL");
  assert.match(await ok("exec", "aa", "ping", "-c", "1", "-W", "5", "bb"), /1 packets received/);
  await ok("rm", "-f", "aa");
  await until("a's end in b", async () => !/\taa\b/.test(await ok("exec", "bb", "cat", "/etc/hosts")));
  await ok("run", "-d", "--name", "aa", "--network", "one", ...sleep);
  assert.match(await ok("exec", "bb", "ping", "-c", "1", "-W", "5", "aa"), /1 packets received/);
  await ok("rm", "-f", "aa", "bb", "cc");
  await daemon.clean();
  assert.deepEqual((await ok("network", "prune", "-f")).trim().split("\n").slice(1).sort(), ["one", "two"]);
  assert.doesNotMatch(await links(), /br-/);
  assert.doesNotMatch(await tables(), /br-/);
});

test("an address of one's own; a network that is gone; options that a container may have on its network", async () => {
  const name = "fixed";
  await create({ Name: name, IPAM: { Config: [{ Subnet: "10.78.0.0/24", Gateway: "10.78.0.9" }] } });
  const sleep = { Image: "busybox", Cmd: ["sleep", "1000"], HostConfig: { NetworkMode: name } };
  const on = (settings: object) => ({ ...sleep, NetworkingConfig: { EndpointsConfig: { [name]: settings } } });
  const wanted = { IPAMConfig: { IPv4Address: "10.78.0.50" }, DriverOpts: { key: "a" } };
  const { Id } = (await api.expect(201, "POST", "/containers/create?name=f1", on(wanted))).json();
  await api.start(Id);
  const endpoint = (await api.inspect(Id)).NetworkSettings.Networks[name];
  assert.deepEqual(
    [endpoint.IPAddress, endpoint.Gateway, endpoint.DriverOpts, endpoint.IPAMConfig],
    ["10.78.0.50", "10.78.0.9", wanted.DriverOpts, wanted.IPAMConfig],
  );
  const second = (await api.expect(201, "POST", "/containers/create?name=f2", on(wanted))).json().Id;
  await api.refused(409, /10\.78\.0\.50 is already in use/, "POST", `/containers/${second}/start`);
  const odd = { IPAMConfig: { IPv4Address: "10.78.0.500" } };
  await api.refused(400, /invalid IPv4 address: 10\.78\.0\.500/, "POST", "/containers/create", on(odd));
  await api.refused(501, /endpoint option Links/, "POST", "/containers/create", on({ Links: ["x"] }));
  await api.refused(400, /cannot be on bridge as well/, "POST", "/containers/create", {
    ...sleep,
    NetworkingConfig: { EndpointsConfig: { bridge: {} } },
  });
  await api.refused(501, /NetworkConnect/, "POST", `/networks/${name}/connect`, { Container: Id });
  await api.expect(204, "DELETE", `/containers/${Id}?force=1`);
  await api.expect(204, "DELETE", `/networks/${name}`);
  await api.refused(404, /network fixed not found/, "POST", `/containers/${second}/start`);
  await api.expect(204, "DELETE", `/containers/${second}`);
  await daemon.clean();
});

test("those that start at once know all others, and nobody who did not start; those that end at once are forgotten", async () => {
  const name = "crowd";
  await create({ Name: name });
  const make = async (as: string, command: string[]) => {
    const body = { Image: "busybox", Hostname: as, Cmd: command, HostConfig: { NetworkMode: name } };
    return (await api.expect(201, "POST", `/containers/create?name=${as}`, body)).json().Id as string;
  };
  const all = ["m1", "m2", "m3", "m4", "m5", "m6"];
  const ids = await Promise.all(all.map((as) => make(as, ["sleep", "1000"])));
  const bad = await make("bad", ["/nosuch"]);
  const known = (id: string) =>
    readFileSync(join(daemon.root, "containers", id, "hosts"), "utf8")
      .split("\n")
      .slice(6, -1)
      .map((line) => /^10\.\d|^172\.\d/.test(line) && line.split(/\s/)[1])
      .sort();
  await Promise.all([...ids.map((id) => api.start(id)), api.expect(400, "POST", `/containers/${bad}/start`)]);
  for (const id of ids) assert.deepEqual(known(id), all);
  await Promise.all(ids.slice(1).map((id) => api.expect(204, "POST", `/containers/${id}/kill`)));
  await until("the others' end", () => known(ids[0]!).length === 1);
  await Promise.all([...ids, bad].map((id) => api.expect(204, "DELETE", `/containers/${id}?force=1`)));
  await api.expect(204, "DELETE", `/networks/${name}`);
  await daemon.clean();
});

test("a network whose containers ended with --rm just now is removed at once, and nothing of it stays", async () => {
  await create({ Name: "brief" });
  const body = { Image: "busybox", Cmd: ["sleep", "1000"], HostConfig: { NetworkMode: "brief", AutoRemove: true } };
  const ids: string[] = [];
  for (let i = 0; i < 10; i++)
    ids.push((await api.expect(201, "POST", "/containers/create", body)).json().Id as string);
  await Promise.all(ids.map((id) => api.start(id)));
  // its header says that it waits: a request that came after the end would find no container
  const ends = await Promise.all(
    ids.map(async (id) => {
      const sent = request({
        ...{ socketPath: daemon.socket, method: "POST", path: `/containers/${id}/wait?condition=next-exit` },
      });
      const [response] = (await once(sent.end(), "response")) as [IncomingMessage];
      assert.equal(response.statusCode, 200);
      return response;
    }),
  );
  await Promise.all([
    ...ends.map((end) => text(end)),
    ...ids.map((id) => api.expect(204, "POST", `/containers/${id}/kill`)),
  ]);
  await api.expect(204, "DELETE", "/networks/brief");
  assert.doesNotMatch(await links(), /br-/);
  await daemon.clean();
});

test("after a boot the default network leaves alone what users' networks have, also while no bridge of them is there", async () => {
  const subnet = async (network: string) => {
    const [{ IPAM }] = JSON.parse(await ok("network", "inspect", network));
    return IPAM.Config[0].Subnet as string;
  };
  const before = await subnet("bridge");
  await ok("network", "create", "early");
  const early = await subnet("early");
  await daemon.end("SIGTERM");
  // What the machine's end takes along; and somebody else has the default network's addresses now.
  rmSync(join(daemon.state, "net"), { recursive: true });
  await execute([...within, "ip", "link", "add", "taken", "type", "bridge"]);
  await execute([...within, "ip", "address", "add", before, "dev", "taken"]);
  await execute([...within, "ip", "link", "set", "taken", "up"]);
  await daemon.start();
  assert.ok(![before, early].includes(await subnet("bridge")), await subnet("bridge"));
  assert.equal(await ok("network", "rm", "early"), "early");
});
