// The client of CNI with CNI's own plugins, in a network and mount namespace of the test's own: every command that they have.
import type { Attachment } from "../../common/cni/client.ts";
import { LOOPBACK } from "../../common/cni/config.ts";
import { resultOf } from "../../common/cni/result.ts";
import { createNamespace, inNamespace, removeNamespace } from "../net/netns.ts";
import { sys } from "../sys/call.ts";
import { exists, Fd, mkdirs, O, open, readDir, readText, writeFile } from "../sys/fs.ts";
import { NR } from "../sys/nr.ts";
import { complain } from "../sys/out.ts";
import { CLONE, exit, fork, wait } from "../sys/process.ts";
import { equal, ok, test, throws } from "../testing.ts";
import { cniClient, cniPlaces, defaultNetwork, detach, INTERFACE } from "./networks.ts";

const DIR = "/tmp/.wharf-cni";
const PLUGINS = ["/nowhere", "/usr/lib/cni"];

function isolated(name: string, run: () => void): void {
  test(name, () => {
    const pid = fork();
    if (pid === 0) {
      try {
        sys("unshare", undefined, NR.unshare, CLONE.NEWNET | CLONE.NEWNS);
        sys("make private", "/", NR.mount, "none", "/", 0, 0x44000, 0);
        mkdirs(DIR);
        sys("mount tmpfs", DIR, NR.mount, "tmpfs", DIR, "tmpfs", 0, 0);
        run();
        exit(0);
      } catch (error) {
        complain("test", error);
        exit(1);
      }
    }
    equal(wait(pid)?.status, 0, "exit of the isolated test (see stderr)");
  });
}

const places = { configs: `${DIR}/net.d`, plugins: PLUGINS, cache: `${DIR}/cache` };

function configure(cniVersion: string): void {
  mkdirs(places.configs);
  const ipam = {
    ...{ type: "host-local", dataDir: `${DIR}/ipam`, ranges: [[{ subnet: "10.98.0.0/24" }]] },
    routes: [{ dst: "0.0.0.0/0" }],
  };
  const plugins = [
    { type: "bridge", bridge: "cnitest0", isGateway: true, ipam },
    { type: "tuning", sysctl: { "net.ipv4.conf.eth0.arp_filter": "1" } },
  ];
  writeFile(`${places.configs}/20-net.conflist`, JSON.stringify({ cniVersion, name: "lab", plugins }));
  writeFile(`${places.configs}/30-bad.conf`, "never come to");
  writeFile(`${places.configs}/10-note.txt`, "no configuration");
}

function within<T>(netns: string, work: () => T): T {
  using namespace = new Fd(open(netns, O.RDONLY | O.CLOEXEC));
  return inNamespace(namespace.value, work);
}

const arpFilter = () => readText(`/proc/sys/net/ipv4/conf/${INTERFACE}/arp_filter`).trim();

isolated("a namespace is attached, checked and detached", () => {
  configure("1.0.0");
  const client = cniClient(places);
  const network = defaultNetwork(places);
  const netns = `${DIR}/ns`;
  createNamespace(netns);
  const attachment: Attachment = { containerId: "one", netns, ifName: INTERFACE };
  const { ips, routes, interfaces } = resultOf(client.add(network, attachment));
  equal(ips[0]?.address, "10.98.0.2/24");
  equal(ips[0]?.gateway, "10.98.0.1");
  equal(routes[0]?.dst, "0.0.0.0/0");
  equal(interfaces[ips[0]!.interface!]?.name, INTERFACE);
  equal(within(netns, arpFilter), "1", "what the second plugin sets");
  client.check(network, attachment);
  within(netns, () => writeFile(`/proc/sys/net/ipv4/conf/${INTERFACE}/arp_filter`, "0"));
  throws(() => client.check(network, attachment), /"tuning" failed \(check\)/);
  equal(client.attachments("one").length, 1);
  client.del(network, attachment);
  equal(client.attachments().length, 0);
  ok(!within(netns, () => exists(`/proc/sys/net/ipv4/conf/${INTERFACE}`)), "the interface is gone");
  ok(!exists(`${DIR}/ipam/lab/10.98.0.2`), "the address is given back");
  removeNamespace(netns);
});

isolated("what has ended is detached without its namespace, and again is no error", () => {
  configure("0.4.0");
  const netns = `${DIR}/ns`;
  createNamespace(netns);
  cniClient(places).add(defaultNetwork(places), { containerId: "gone", netns, ifName: INTERFACE });
  ok(exists(`${DIR}/ipam/lab/10.98.0.2`), "an address is taken");
  removeNamespace(netns);
  detach(places, "gone");
  detach(places, "gone");
  ok(!exists(`${DIR}/ipam/lab/10.98.0.2`), "it is given back");
  equal(readDir(places.cache).length, 0);
});

isolated("a collection detaches what is not valid any more", () => {
  configure("1.0.0");
  const client = cniClient(places);
  const network = defaultNetwork(places);
  for (const containerId of ["stays", "goes"]) {
    createNamespace(`${DIR}/${containerId}`);
    client.add(network, { containerId, netns: `${DIR}/${containerId}`, ifName: INTERFACE });
  }
  client.gc(network, [{ containerID: "stays", ifname: INTERFACE }]);
  equal(
    client.attachments().map(({ containerId }) => containerId),
    ["stays"],
  );
  ok(!exists(`${DIR}/ipam/lab/10.98.0.3`), "the address of the other is given back");
  for (const containerId of ["stays", "goes"]) removeNamespace(`${DIR}/${containerId}`);
});

isolated("the loopback interface is brought up", () => {
  const netns = `${DIR}/ns`;
  createNamespace(netns);
  const result = cniClient(places).add(LOOPBACK, { containerId: "lo", netns, ifName: "lo" });
  ok(
    resultOf(result).ips.some(({ address }) => address === "127.0.0.1/8"),
    "it has its address",
  );
  removeNamespace(netns);
});

isolated("plugins say which versions they speak, and errors name them", () => {
  configure("1.0.0");
  const client = cniClient(places);
  ok(client.version("bridge").includes("1.0.0"), "the bridge plugin speaks 1.0.0");
  equal(client.validate(defaultNetwork(places)), []);
  client.status(defaultNetwork(places));
  const attachment: Attachment = { containerId: "x", netns: "/nowhere/ns", ifName: INTERFACE };
  throws(() => client.add(defaultNetwork(places), attachment), /"bridge" failed \(add\): .*\/nowhere\/ns/);
  throws(() => defaultNetwork({ ...places, configs: "/nowhere" }), /no network is configured in \/nowhere/);
  writeFile(`${places.configs}/00-bad.conf`, '{"name":"x"}');
  throws(() => defaultNetwork(places), /00-bad\.conf" is not usable/);
});

test("the places are CNI's own, or those of the environment", () => {
  equal(cniPlaces(new Map()).configs, "/etc/cni/net.d");
  const env = new Map([
    ["CNI_PATH", "/a::/b"],
    ["NETCONFPATH", "/n"],
  ]);
  equal(cniPlaces(env), { configs: "/n", plugins: ["/a", "/b"] });
});
