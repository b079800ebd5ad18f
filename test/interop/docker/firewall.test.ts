// The bridge network on a host with a firewall of its own, in a network namespace that stands for the host: published ports work and go
// on working over the daemon's death and restart, and what the host's owner wrote stays as it is, byte by byte.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { after, before, test } from "node:test";
import { uniqueName } from "../../support/run.ts";
import { execute } from "../cli/program.ts";
import { build, Daemon, until } from "../e2e/daemon.ts";
import { Api } from "./client.ts";

const host = uniqueName("host");
const within = ["nsenter", `--net=/run/netns/${host}`];
let daemon: Daemon;
const api = new Api(() => daemon.socket);

async function sh(script: string): Promise<string> {
  const { stdout, stderr, code } = await execute([...within, "sh", "-ec", script]);
  assert.equal(code, 0, `${script}: ${stderr}`);
  return stdout;
}

/** What the host's owner has. */
const OWN = `
ip link set lo up
nft -f - <<END
table inet owner {
  set friends { type ipv4_addr; elements = { 192.0.2.1, 192.0.2.2 }; }
  chain input { type filter hook input priority 0; policy accept; ip saddr @friends accept; tcp dport 22 accept; }
  chain forward { type filter hook forward priority 10; policy accept; ct state invalid drop; }
}
END
iptables -N OWNER
iptables -A FORWARD -s 198.51.100.0/24 -j OWNER
iptables -A OWNER -j RETURN
iptables -t nat -A POSTROUTING -s 203.0.113.0/24 -j MASQUERADE
`;

before(async () => {
  build();
  assert.equal((await execute(["ip", "netns", "add", host])).code, 0);
  await sh(OWN);
  daemon = await Daemon.start({ within });
  await daemon.busybox();
});
after(async () => {
  await daemon?.[Symbol.asyncDispose]();
  await execute(["ip", "netns", "delete", host]);
});

/** The ruleset in two parts: what is not ours, and ours. */
async function rules(): Promise<{ owner: string; ours: string }> {
  const tables = (await sh("nft -a list ruleset")).split(/^(?=table )/m);
  const ours = (text: string) => /^table \S+ wharf/.test(text);
  return { owner: tables.filter((text) => !ours(text)).join(""), ours: tables.filter(ours).join("") };
}

/** What a published TCP port answers to a client of the host: the body, or what went wrong. */
async function ask(port: number, address = "127.0.0.1"): Promise<string> {
  const script = `exec 3<>/dev/tcp/${address}/${port} && printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3 && timeout 60 cat <&3`;
  const { stdout, stderr } = await execute([...within, "bash", "-c", script]);
  return (stdout.split("\r\n\r\n")[1] ?? stderr).trim();
}

const serve = (text: string) => `mkdir /w; echo ${text} > /w/index.html; exec httpd -f -p 80 -h /w`;

async function started(Name: string, script: string, PortBindings: object): Promise<string> {
  const body = { Image: "busybox", Cmd: ["sh", "-c", script], HostConfig: { PortBindings } };
  const id = (await api.expect(201, "POST", `/containers/create?name=${Name}`, body)).json().Id as string;
  await api.expect(204, "POST", `/containers/${id}/start`);
  return id;
}

test("published ports: through 127.0.0.1 and an own address, UDP, random; the owner's rules stay, ours go with the containers", async () => {
  const before = await rules();
  assert.match(before.owner, /table inet owner/);
  assert.match(before.owner, /chain OWNER/);
  assert.equal(before.ours, "");
  await sh("ip link add other type veth peer name far; ip addr add 192.0.2.77/24 dev other; ip link set other up");
  const web = await started("web", serve("web"), { "80/tcp": [{ HostPort: "8080" }] });
  const narrow = await started("narrow", serve("narrow"), { "80/tcp": [{ HostIp: "192.0.2.77", HostPort: "8081" }] });
  const random = await started("random", serve("random"), { "80/tcp": [{ HostPort: "" }] });
  const udp = await started("udp", "sleep 1000", { "53/udp": [{ HostPort: "5353" }] });
  const answers = async () => {
    const { Ports } = (await api.inspect(random)).NetworkSettings;
    const port = Number(Ports["80/tcp"][0].HostPort);
    assert.equal(await until("web", async () => await ask(8080)), "web");
    assert.equal(await ask(8080, "192.0.2.77"), "web");
    assert.equal(await ask(8081, "192.0.2.77"), "narrow");
    assert.match(await ask(8081), /refused/);
    assert.equal(await ask(port), "random");
    return port;
  };
  await until("the servers", async () => (await ask(8081, "192.0.2.77")) === "narrow");
  const port = await answers();
  const { Pid } = (await api.inspect(udp)).State;
  const serveUdp = `import socket; s = socket.socket(type=socket.SOCK_DGRAM); s.bind(("", 53)); s.settimeout(1000)
while True: text, peer = s.recvfrom(99); s.sendto(b"back " + text, peer)`;
  let endUdp = () => {};
  const server = execute(["nsenter", "-t", String(Pid), "--net", "python3", "-c", serveUdp], {
    started: (child) => (endUdp = () => void child.kill("SIGTERM")),
  });
  const client = "exec 3<>/dev/udp/127.0.0.1/5353; echo hello >&3; timeout 1 head -n 1 <&3";
  const echoed = async () => (await execute([...within, "bash", "-c", client])).stdout;
  assert.equal(await until("an answer by UDP", echoed), "back hello\n");
  endUdp();
  await server;
  const during = await rules();
  assert.equal(during.owner, before.owner);
  assert.match(during.ours, /8080/);

  for (const signal of ["SIGKILL", "SIGTERM"] as const) {
    await daemon.end(signal);
    assert.deepEqual(await rules(), during, `after ${signal}`);
    assert.equal(await ask(8080), "web", `no daemon, after ${signal}`);
    await daemon.start();
    assert.equal(await answers(), port);
    assert.deepEqual(await rules(), during, `started again after ${signal}`);
  }
  // It still knows what is taken.
  const late = { Image: "busybox", HostConfig: { PortBindings: { "80/tcp": [{ HostPort: "8080" }] } } };
  const { Id } = (await api.expect(201, "POST", "/containers/create", late)).json();
  await api.refused(409, /already in use/, "POST", `/containers/${Id}/start`);
  await api.remove(Id);
  // From one container to the other's published port.
  const get = "printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 60 192.0.2.77 8081";
  assert.match(await daemon.ok("exec", "web", "sh", "-c", get), /\r\n\r\nnarrow$/);

  await api.expect(204, "DELETE", `/containers/${web}?force=1`);
  assert.match(await ask(8080), /refused/);
  assert.doesNotMatch((await rules()).ours, /8080/);
  for (const id of [narrow, random, udp]) await api.expect(204, "DELETE", `/containers/${id}?force=1`);
  const after = await rules();
  assert.equal(after.owner, before.owner);
  assert.doesNotMatch(after.ours, /808\d|5353/);
  await sh("ip link delete other");
  await daemon.end("SIGTERM");
  assert.deepEqual(await rules(), before);
  assert.doesNotMatch(await sh("ip -o link"), /wharf|veth/);
  await daemon.start();
});

test("a container that ends while no daemon runs: its ports are free when the daemon is back", async () => {
  const id = await started("short", "sleep 1000", { "80/tcp": [{ HostPort: "8090" }] });
  const { Pid } = (await api.inspect(id)).State;
  await daemon.end("SIGKILL");
  process.kill(Pid, "SIGKILL");
  await until("its end", () => !existsSync(`/proc/${Pid}`));
  await daemon.start();
  await until("the port's end", async () => !(await rules()).ours.includes("8090"));
  await started("next", serve("next"), { "80/tcp": [{ HostPort: "8090" }] });
  await until("next", async () => (await ask(8090)) === "next");
  await api.remove(id);
  await api.expect(204, "DELETE", "/containers/next?force=1");
  await daemon.clean();
});
