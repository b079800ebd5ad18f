// The bridge network against the real kernel, in a network and mount namespace of the test's own.

import type { Attachment, AttachRequest, BridgeNetwork, PortRequest } from "../../common/agent/network.ts";
import { sys } from "../sys/call.ts";
import { exists, Fd, mkdirs, O, open, readAll, readDir, writeAll, writeFile } from "../sys/fs.ts";
import { NR } from "../sys/nr.ts";
import { complain } from "../sys/out.ts";
import { CLONE, exec, exit, fork, kill, PR, prctl, SIGNALS, wait } from "../sys/process.ts";
import { sleepSync } from "../sys/time.ts";
import { equal, ok, test, throws } from "../testing.ts";
import { parseAddress } from "./address.ts";
import { attach as attachTo, detach as detachFrom, ensureBridge, removeBridge } from "./bridge.ts";
import { MessageBuilder, NETLINK_ROUTE, Netlink } from "./netlink.ts";
import { inNamespace } from "./netns.ts";
import { changeLink, listLinks } from "./rtnetlink.ts";

const attach = (network: BridgeNetwork, id: string, netns: string, more: Partial<AttachRequest> = {}) =>
  attachTo({ network, id, netns, ports: [], ...more });
const detach = (network: BridgeNetwork, id: string, attachment: Attachment) => detachFrom({ network, id, attachment });

/** Runs the test in a child with fresh namespaces: nothing it makes can reach the machine. */
function isolated(name: string, run: (dir: string) => void): void {
  test(name, () => {
    const pid = fork();
    if (pid === 0) {
      try {
        sys("unshare", undefined, NR.unshare, CLONE.NEWNET | CLONE.NEWNS);
        sys("make private", "/", NR.mount, "none", "/", 0, 0x44000, 0);
        const dir = "/tmp/.wharf-net";
        mkdirs(dir);
        sys("mount tmpfs", dir, NR.mount, "tmpfs", dir, "tmpfs", 0, 0);
        using socket = new Netlink(NETLINK_ROUTE);
        const b = new MessageBuilder();
        changeLink(b, { index: 1, up: true });
        socket.request(b);
        run(dir);
        exit(0);
      } catch (error) {
        complain("test", error);
        exit(1);
      }
    }
    equal(wait(pid)?.status, 0, "exit of the isolated test (see stderr)");
  });
}

const network = (dir: string): BridgeNetwork => ({
  bridge: "wharft0",
  subnet: "172.31.7.0/24",
  gateway: "172.31.7.1",
  ipamDir: `${dir}/ipam`,
});

function inside(netns: string, ...args: string[]): number {
  const pid = fork();
  if (pid !== 0) return pid;
  prctl(PR.SET_PDEATHSIG, SIGNALS.KILL);
  using ns = new Fd(open(netns, O.RDONLY));
  sys("setns", netns, NR.setns, ns.value, CLONE.NEWNET);
  exec("/bin/busybox", ["busybox", ...args], []);
}

/** The body that a web server answers with, asked from here or from within a namespace; "" when there is no answer. */
function fetchOnce(netns: string | undefined, address: string, port: number): string {
  const ask = () => {
    using socket = new Fd(sys("socket", undefined, NR.socket, 2, 1 | 0o2000000, 0));
    for (const option of [20, 21])
      native.syscall(NR.setsockopt, socket.value, 1, option, new BigInt64Array([0n, 500000n]), 16);
    const name = new Uint8Array([2, 0, port >> 8, port & 255, ...parseAddress(address), 0, 0, 0, 0, 0, 0, 0, 0]);
    if (native.syscall(NR.connect, socket.value, name, name.length) < 0) return "";
    writeAll(socket.value, "GET / HTTP/1.0\r\n\r\n");
    const text = native.utf8(readAll(socket.value));
    return text.slice(text.indexOf("\r\n\r\n") + 4);
  };
  if (!netns) return ask();
  using namespace = new Fd(open(netns, O.RDONLY));
  return inNamespace(namespace.value, ask);
}

function fetchPage(netns: string | undefined, address: string, port: number): string {
  for (let i = 0; i < 40; i++) {
    const text = fetchOnce(netns, address, port);
    if (text) return text;
    sleepSync(25);
  }
  return "";
}

isolated("a published port is reached by 127.0.0.1, the bridge's address and from the container itself", (dir) => {
  const net = network(dir);
  ensureBridge(net);
  writeFile(`${dir}/index.html`, "hello from the container\n");
  const made = attach(net, "0123456789ab", `${dir}/netns`, {
    ports: [
      { protocol: "tcp", containerPort: 80, hostAddress: "", hostPort: 8080 },
      { protocol: "tcp", containerPort: 80, hostAddress: "127.0.0.1", hostPort: 0 },
    ],
  });
  equal(made.address, "172.31.7.2");
  const server = inside(made.netns, "httpd", "-f", "-p", "80", "-h", dir);
  const expected = "hello from the container\n";
  equal(fetchPage(undefined, "172.31.7.2", 80), expected, "container's address");
  equal(fetchPage(undefined, "127.0.0.1", 8080), expected, "127.0.0.1");
  equal(fetchPage(undefined, "172.31.7.1", 8080), expected, "the gateway");
  equal(fetchPage(undefined, "127.0.0.1", made.ports[1]!.hostPort), expected, "random port");
  equal(fetchPage(made.netns, "172.31.7.1", 8080), expected, "hairpin");
  equal(fetchOnce(undefined, "172.31.7.1", made.ports[1]!.hostPort), "", "bound to 127.0.0.1 only");
  kill(server, SIGNALS.KILL);
  wait(server);
  detach(net, "0123456789ab", made);
  removeBridge(net);
});

isolated("containers reach each other, and not the host's loopback", (dir) => {
  const net = network(dir);
  ensureBridge(net);
  writeFile(`${dir}/index.html`, "page\n");
  const one = attach(net, "aaaaaaaaaaaa", `${dir}/one`);
  const two = attach(net, "bbbbbbbbbbbb", `${dir}/two`);
  const server = inside(one.netns, "httpd", "-f", "-p", "80", "-h", dir);
  const local = fork();
  if (local === 0) prctl(PR.SET_PDEATHSIG, SIGNALS.KILL);
  if (local === 0) exec("/bin/busybox", ["busybox", "httpd", "-f", "-p", "127.0.0.1:81", "-h", dir], []);
  equal(fetchPage(two.netns, one.address, 80), "page\n", "from two to one");
  equal(fetchPage(undefined, "127.0.0.1", 81), "page\n", "host's own");
  equal(wait(inside(two.netns, "ip", "route", "add", "127.0.0.1/32", "via", "172.31.7.1"))?.status, 0);
  equal(wait(inside(two.netns, "ip", "link", "set", "lo", "down"))?.status, 0);
  equal(fetchOnce(two.netns, "127.0.0.1", 81), "", "loopback of the host");
  for (const pid of [server, local]) {
    kill(pid, SIGNALS.KILL);
    wait(pid);
  }
  for (const made of [one, two]) detach(net, made === one ? "aaaaaaaaaaaa" : "bbbbbbbbbbbb", made);
});

isolated(
  "detach() leaves no link, namespace file or reservation; a taken port is refused and leaves nothing either",
  (dir) => {
    const net = network(dir);
    ensureBridge(net);
    const port = { protocol: "tcp" as const, containerPort: 80, hostAddress: "", hostPort: 9090 };
    const made = attach(net, "cccccccccccc", `${dir}/c`, { ports: [port] });
    throws(
      () => attach(net, "dddddddddddd", `${dir}/d`, { ports: [port] }),
      /port 0\.0\.0\.0:9090\/tcp is already in use/,
    );
    ok(!exists(`${dir}/d`), "no namespace file of the refused one");
    detach(net, "cccccccccccc", made);
    using socket = new Netlink(NETLINK_ROUTE);
    // the pair goes when the kernel gets to it
    for (let i = 0; i < 200 && listLinks(socket).length > 2; i++) sleepSync(10);
    equal(
      listLinks(socket).map((link) => link.name),
      ["lo", "wharft0"],
    );
    equal(
      readDir(`${dir}/ipam`).map((entry) => entry.name),
      ["last_reserved_ip.0"],
    );
    const again = attach(net, "dddddddddddd", `${dir}/d`, { ports: [port] });
    equal(again.address, "172.31.7.4");
    detach(net, "dddddddddddd", again);
    detach(net, "dddddddddddd", again);
  },
);

isolated(
  "what an attach has left that was cut off goes with the next one, and with a detach that knows no more of it",
  (dir) => {
    const net = network(dir);
    ensureBridge(net);
    const port = { protocol: "tcp" as const, containerPort: 80, hostAddress: "", hostPort: 9091 };
    const left = attach(net, "cccccccccccc", `${dir}/c`, { ports: [port] });
    const other = attach(net, "dddddddddddd", `${dir}/d`, { ports: [{ ...port, hostPort: 9092 }] });
    const again = attach(net, "cccccccccccc", `${dir}/c`, { ports: [port] });
    ok(again.address !== left.address, "another address");
    equal(
      readDir(net.ipamDir)
        .map((entry) => entry.name)
        .sort(),
      [again.address, other.address, "last_reserved_ip.0"].sort(),
    );
    detachFrom({ network: net, id: "cccccccccccc", attachment: { netns: `${dir}/c` } });
    ok(!exists(`${dir}/c`), "the namespace's file");
    equal(
      readDir(net.ipamDir)
        .map((entry) => entry.name)
        .sort(),
      [other.address, "last_reserved_ip.0"].sort(),
    );
    // its port is free, the other's is not
    detach(net, "eeeeeeeeeeee", attach(net, "eeeeeeeeeeee", `${dir}/e`, { ports: [port] }));
    throws(() => attach(net, "eeeeeeeeeeee", `${dir}/e`, { ports: [{ ...port, hostPort: 9092 }] }), /already in use/);
    detach(net, "dddddddddddd", other);
  },
);

isolated("an address that nobody's name was written into is given back with the next detach", (dir) => {
  const net = network(dir);
  ensureBridge(net);
  const { address } = attach(net, "cccccccccccc", `${dir}/c`);
  writeFile(`${net.ipamDir}/${address}`, "");
  const other = attach(net, "dddddddddddd", `${dir}/d`);
  detachFrom({ network: net, id: "cccccccccccc", attachment: { netns: `${dir}/c` } });
  ok(!exists(`${net.ipamDir}/${address}`), "the address is free");
  ok(exists(`${net.ipamDir}/${other.address}`), "the other's is not");
  detach(net, "dddddddddddd", other);
});

isolated("a container is attached however many of its earlier starts are not gone yet", (dir) => {
  const net = network(dir);
  ensureBridge(net);
  const all = Array.from({ length: 17 }, (_, i) => attach(net, "ffffffffffff", `${dir}/f${i}`));
  equal(new Set(all.map(({ hostInterface }) => hostInterface)).size, 17);
  for (const { hostInterface } of all) ok(/^vethfffffff[0-9a-f]{4}$/.test(hostInterface), hostInterface);
  for (const one of all) detach(net, "ffffffffffff", one);
});

isolated("an address is given once, a wanted one is honoured, and the end of the network is an error", (dir) => {
  const net = { ...network(dir), subnet: "172.31.7.0/29" };
  ensureBridge(net);
  const made = attach(net, "e1", `${dir}/e1`, { address: "172.31.7.5" });
  equal(made.address, "172.31.7.5");
  throws(() => attach(net, "e2", `${dir}/e2`, { address: "172.31.7.5" }), /172\.31\.7\.5 is already in use/);
  throws(() => attach(net, "e2", `${dir}/e2`, { address: "10.0.0.1" }), /not in the network/);
  const rest = ["f1", "f2", "f3", "f4"].map((id) => attach(net, id, `${dir}/${id}`).address);
  equal(rest, ["172.31.7.2", "172.31.7.3", "172.31.7.4", "172.31.7.6"]);
  throws(() => attach(net, "f5", `${dir}/f5`), /no free address/);
});

isolated("twenty containers come and go, and only the bridge remains", (dir) => {
  const net = network(dir);
  ensureBridge(net);
  const port: PortRequest = { protocol: "udp", containerPort: 53, hostAddress: "", hostPort: 0 };
  for (let i = 0; i < 20; i++) {
    const id = `churn${i}`;
    detach(net, id, attach(net, id, `${dir}/${id}`, { ports: [port] }));
  }
  using socket = new Netlink(NETLINK_ROUTE);
  for (let i = 0; i < 200 && listLinks(socket).length > 2; i++) sleepSync(10);
  equal(listLinks(socket).length, 2, "links");
});
