// What plugins are called with: order, previous results, what is kept, capabilities, versions, errors.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Attachment, CniClient, type CniHost, type Ended } from "./client.ts";
import { parseNetworkFile } from "./config.ts";
import { resultOf } from "./result.ts";

interface Call {
  type: string;
  command: string;
  config: Record<string, unknown>;
  env: Readonly<Record<string, string>>;
}

/** A host whose plugins answer what `answer` says; an object is a result, a number a failure's code. */
function host(answer: (call: Call) => object | number | string = ({ type }) => ({ by: type })) {
  const calls: Call[] = [];
  const files = new Map<string, string>();
  const fake: CniHost = {
    find: (type) => (type === "missing" ? undefined : `/plugins/${type}`),
    run: (program, stdin, env): Ended => {
      const config = JSON.parse(stdin) as Record<string, unknown>;
      const call = { type: program.slice("/plugins/".length), command: env.CNI_COMMAND!, config, env };
      calls.push(call);
      const said = answer(call);
      if (typeof said === "string") return { status: 2, stdout: "", stderr: said };
      if (typeof said === "number")
        return { status: 1, stdout: JSON.stringify({ code: said, msg: "no", details: "why" }), stderr: "" };
      return { status: 0, stdout: JSON.stringify(said), stderr: "" };
    },
    load: (name) => files.get(name),
    keep: (name, text) => void files.set(name, text),
    forget: (name) => void files.delete(name),
    kept: () => [...files.keys()],
  };
  const client = new CniClient(fake, ["/a", "/b"], (text) => Buffer.from(text).toString("base64"));
  return { client, calls, files };
}

const network = (more: object = {}) =>
  parseNetworkFile(
    "n.conflist",
    JSON.stringify({
      ...{
        cniVersion: "1.0.0",
        name: "net",
        plugins: [
          { type: "one", x: 1 },
          { type: "two", capabilities: { portMappings: true } },
        ],
      },
      ...more,
    }),
  );
const attachment: Attachment = {
  ...{ containerId: "c1", netns: "/ns", ifName: "eth0", args: [["K", "v"] as const, ["L", "w"] as const] },
  capabilityArgs: { portMappings: [{ hostPort: 1 }], bandwidth: { rate: 1 } },
};

test("add() calls the plugins in order, each with the result before it, and keeps the last", () => {
  const { client, calls, files } = host();
  assert.deepEqual(client.add(network(), attachment), { by: "two" });
  assert.deepEqual(
    calls.map(({ command, config }) => [command, config]),
    [
      ["ADD", { type: "one", x: 1, name: "net", cniVersion: "1.0.0" }],
      [
        "ADD",
        {
          ...{ type: "two", capabilities: { portMappings: true }, name: "net", cniVersion: "1.0.0" },
          ...{ prevResult: { by: "one" }, runtimeConfig: { portMappings: [{ hostPort: 1 }] } },
        },
      ],
    ],
  );
  assert.deepEqual(calls[0]!.env, {
    ...{ CNI_COMMAND: "ADD", CNI_CONTAINERID: "c1", CNI_NETNS: "/ns", CNI_IFNAME: "eth0" },
    ...{ CNI_ARGS: "K=v;L=w", CNI_PATH: "/a:/b" },
  });
  const kept = JSON.parse(files.get("net-c1-eth0")!) as Record<string, unknown>;
  assert.equal(Buffer.from(kept.config as string, "base64").toString(), network().text);
  assert.deepEqual([kept.kind, kept.networkName, kept.result], ["cniCacheV1", "net", { by: "two" }]);
  assert.deepEqual(client.attachments("c1"), [{ network: "net", ...attachment }]);
  assert.deepEqual(client.attachments("c2"), []);
});

test("del() goes the other way, with what is kept, and forgets it; older versions get none", () => {
  const { client, calls, files } = host();
  client.add(network(), attachment);
  calls.length = 0;
  client.del(network(), { ...attachment, netns: "" });
  const told = () => calls.map(({ type, command, config, env }) => [type, command, config.prevResult, env.CNI_NETNS]);
  assert.deepEqual(told(), [
    ["two", "DEL", { by: "two" }, ""],
    ["one", "DEL", { by: "two" }, ""],
  ]);
  assert.equal(files.size, 0);
  const old = network({ cniVersion: "0.3.1" });
  client.add(old, attachment);
  calls.length = 0;
  client.del(old, attachment);
  assert.deepEqual(
    told().map(([, , previous]) => previous),
    [undefined, undefined],
  );
});

test("check() asks each plugin with the kept result, where the version has it", () => {
  const { client, calls } = host();
  assert.throws(() => client.check(network(), attachment), /no result of c1/);
  client.add(network(), attachment);
  calls.length = 0;
  client.check(network(), attachment);
  assert.deepEqual(
    calls.map(({ type, command, config }) => [type, command, config.prevResult]),
    [
      ["one", "CHECK", { by: "two" }],
      ["two", "CHECK", { by: "two" }],
    ],
  );
  calls.length = 0;
  client.check(network({ disableCheck: true }), attachment);
  assert.deepEqual(calls, []);
  assert.throws(() => client.check(network({ cniVersion: "0.3.1" }), attachment), /has no CHECK/);
});

test("gc() detaches what is not valid any more, and asks plugins of version 1.1.0", () => {
  const { client, calls, files } = host();
  const latest = network({ cniVersion: "1.1.0" });
  client.add(latest, attachment);
  client.add(latest, { ...attachment, containerId: "c2" });
  client.add(network({ name: "other" }), attachment);
  calls.length = 0;
  const valid = [{ containerID: "c2", ifname: "eth0" }];
  client.gc(latest, valid);
  assert.deepEqual(
    calls.map(({ type, command, env }) => [type, command, env.CNI_CONTAINERID]),
    [
      ["two", "DEL", "c1"],
      ["one", "DEL", "c1"],
      ["one", "GC", ""],
      ["two", "GC", ""],
    ],
  );
  assert.deepEqual(calls[2]!.config["cni.dev/valid-attachments"], valid);
  assert.deepEqual([...files.keys()].sort(), ["net-c2-eth0", "other-c1-eth0"]);
  calls.length = 0;
  client.gc(network({ cniVersion: "1.1.0", disableGC: "true" }), []);
  client.gc(network({ name: "nothing" }), []);
  assert.deepEqual(calls, []);
});

test("status() and version(): what a plugin says of itself", () => {
  const { client, calls } = host(({ command, type }) => {
    if (command === "STATUS") return type === "two" ? 50 : {};
    return { cniVersion: "1.0.0", supportedVersions: ["0.4.0", "1.0.0"] };
  });
  client.status(network());
  assert.deepEqual(calls, [], "before version 1.1.0 there is nothing to ask");
  assert.throws(() => client.status(network({ cniVersion: "1.1.0" })), {
    code: "Unavailable",
    message: /"two" failed \(status\): no; why/,
  });
  assert.deepEqual(client.version("one"), ["0.4.0", "1.0.0"]);
  assert.deepEqual(client.validate(network()), ["portMappings"]);
  assert.throws(() => client.validate(network({ cniVersion: "0.3.1" })), /does not speak version 0.3.1/);
});

test("a plugin that fails is named, with its own words", () => {
  const failing = (said: number | string) => () =>
    host(({ type }) => (type === "two" ? said : {})).client.add(network(), attachment);
  assert.throws(failing(11), { code: "Unavailable", message: 'CNI plugin "two" failed (add): no; why' });
  assert.throws(failing(7), { code: "InvalidArgument" });
  assert.throws(failing(100), { code: "Unknown" });
  assert.throws(failing("panic!"), { message: 'CNI plugin "two" failed (add): it ended with 2: panic!' });
  const { client, files } = host();
  assert.throws(() => client.add(network({ plugins: [{ type: "missing" }] }), attachment), {
    ...{ code: "FailedPrecondition", message: 'CNI plugin "missing" is in none of /a, /b' },
  });
  assert.throws(() => client.add(network(), { ...attachment, containerId: "../x" }), /container id/);
  assert.throws(() => client.add(network(), { ...attachment, ifName: "a/b" }), /interface name/);
  assert.equal(files.size, 0);
});

test("del() tells what is gone already from other failures, in the words of older plugins, too", () => {
  const failing = (said: number | string | object) => () =>
    host(() => said).client.del(network(), { ...attachment, netns: "" });
  assert.throws(failing(3), { code: "NotFound" });
  assert.throws(failing(100), { code: "Unknown" });
  assert.throws(failing("open /run/netns/x: no such file or directory"), { code: "NotFound" });
  assert.throws(failing("iptables: permission denied"), { code: "Unknown" });
  assert.throws(() => host(() => "not found").client.add(network(), attachment), { code: "Unknown" });
});

test("parseNetworkFile() takes lists and single plugins, and says what is wrong with others", () => {
  const one = parseNetworkFile("/n/1.conf", '{"name":"a","type":"bridge","cniVersion":"0.4.0"}');
  assert.deepEqual([one.name, one.cniVersion, one.plugins.length, one.plugins[0]!.type], ["a", "0.4.0", 1, "bridge"]);
  assert.equal(parseNetworkFile("1.json", '{"name":"a","type":"x"}').cniVersion, "0.1.0");
  const chosen = '{"name":"a","plugins":[{"type":"x"}],"cniVersion":"0.4.0","cniVersions":["1.1.0","1.0.0","9.0.0"]}';
  assert.equal(parseNetworkFile("1.conflist", chosen).cniVersion, "1.1.0");
  const wrong = (name: string, text: string, why: RegExp) =>
    assert.throws(
      () => parseNetworkFile(name, text),
      (error: Error) => error.message.includes(name) && why.test((error.cause as Error).message),
      text,
    );
  wrong("1.conf", "{", /JSON/);
  wrong("1.conf", "[]", /no object/);
  wrong("1.conf", '{"type":"x"}', /name undefined/);
  wrong("1.conf", '{"name":"a/b","type":"x"}', /name "a\/b"/);
  wrong("1.conf", '{"name":"a"}', /type is undefined/);
  wrong("1.conf", '{"name":"a","type":"../x"}', /type is "..\/x"/);
  wrong("1.conflist", '{"name":"a","type":"x"}', /no plugins/);
  wrong("1.conflist", '{"name":"a","plugins":[]}', /no plugins/);
  wrong("1.conf", '{"name":"a","type":"x","cniVersion":"2.0.0"}', /version 2.0.0 is none of/);
  wrong("1.conf", '{"name":"a","type":"x","disableGC":1}', /disableGC is 1/);
});

test("resultOf() brings results of all versions into one form", () => {
  const old = {
    ip4: { ip: "10.0.0.2/24", gateway: "10.0.0.1", routes: [{ dst: "0.0.0.0/0" }] },
    ip6: { ip: "fd00::2/64" },
  };
  assert.deepEqual(resultOf(old), {
    ...{ interfaces: [], dns: {} },
    ips: [{ address: "10.0.0.2/24", gateway: "10.0.0.1" }, { address: "fd00::2/64" }],
    routes: [{ dst: "0.0.0.0/0" }],
  });
  const now = {
    interfaces: [{ name: "eth0" }],
    ips: [{ address: "10.0.0.2/24", interface: 0 }],
    dns: { nameservers: ["1.1.1.1"] },
  };
  assert.deepEqual(resultOf(now), { ...now, routes: [] });
  assert.throws(() => resultOf({ ips: [{ address: "10.0.0.2/24", interface: 0 }] }), /which is not in it/);
});
