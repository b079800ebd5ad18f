import assert from "node:assert/strict";
import { test } from "node:test";
import { parseFlags } from "../arguments.ts";
import { type ClientHost, createBody } from "./config.ts";
import { CONTAINER_FLAGS } from "./flags.ts";

const HOST: ClientHost = {
  env: new Map([["HOME", "/root"]]),
  readText: (path) => {
    if (path === "env") return "# comment\nA=1\n\n HOME\nNOT_SET\nB = 2".replace("B = 2", "B=two words");
    if (path === "profile") return '{ "defaultAction": "SCMP_ACT_ALLOW" }';
    if (path === "bad") return "no json";
    throw new Error(`no file ${path}`);
  },
  absolute: (path) => `/cwd/${path}`,
};

function body(...argv: string[]) {
  const input = parseFlags(CONTAINER_FLAGS, argv, false);
  const [image = "", ...command] = input.args;
  return createBody(input, image, command, HOST);
}

test("createBody() of the plainest command", () => {
  const { Image, Cmd, AttachStdin, AttachStdout, AttachStderr, HostConfig, Entrypoint } = body(
    "busybox",
    "echo",
    "-n",
    "x",
  );
  assert.deepEqual(
    { Image, Cmd, AttachStdin, AttachStdout, AttachStderr, Entrypoint },
    {
      Image: "busybox",
      Cmd: ["echo", "-n", "x"],
      AttachStdin: false,
      AttachStdout: true,
      AttachStderr: true,
      Entrypoint: undefined,
    },
  );
  assert.equal(HostConfig.NetworkMode, "default");
  assert.equal(HostConfig.MemorySwappiness, -1);
});

test("createBody() fills the API's fields", () => {
  const { HostConfig: host, ...config } = body(
    ..."-it --rm -m 64m --cpus 1.5 --network host --cap-add NET_ADMIN --read-only --tmpfs /run:size=1m -v ./a:/b -v /vol".split(
      " ",
    ),
    ..."-p 8080:80 --expose 90-91 -e X=1 -e HOME -e GONE --env-file env -l a=b --label c --ulimit nofile=10:20 --init".split(
      " ",
    ),
    ..."--restart=no --stop-timeout 3 --health-cmd true --security-opt seccomp=profile --log-opt max-size=1m --pids-limit 7".split(
      " ",
    ),
    ..."--entrypoint= --device /dev/null:r --sysctl net.core.somaxconn=9 img".split(" "),
  );
  assert.deepEqual(config.Env, ["A=1", "HOME=/root", "B=two words", "X=1", "HOME=/root", "GONE"]);
  assert.deepEqual(config.Labels, { a: "b", c: "" });
  assert.deepEqual(config.Volumes, { "/vol": {} });
  assert.deepEqual(config.ExposedPorts, { "80/tcp": {}, "90/tcp": {}, "91/tcp": {} });
  assert.deepEqual([config.Tty, config.OpenStdin, config.StdinOnce, config.AttachStdin], [true, true, true, true]);
  assert.deepEqual(config.Entrypoint, [""]);
  assert.equal(config.StopTimeout, 3);
  assert.equal((config.Healthcheck as { Test: string[] }).Test[0], "CMD-SHELL");
  assert.deepEqual(host.Binds, ["/cwd/./a:/b"]);
  assert.deepEqual(host.Tmpfs, { "/run": "size=1m" });
  assert.deepEqual([host.Memory, host.NanoCpus, host.PidsLimit, host.Init], [67108864, 1.5e9, 7, true]);
  assert.deepEqual(host.Ulimits, [{ Name: "nofile", Soft: 10, Hard: 20 }]);
  assert.deepEqual(host.PortBindings, { "80/tcp": [{ HostIp: "", HostPort: "8080" }] });
  assert.deepEqual(host.SecurityOpt, ['seccomp={"defaultAction":"SCMP_ACT_ALLOW"}']);
  assert.deepEqual(host.Devices, [{ PathOnHost: "/dev/null", PathInContainer: "/dev/null", CgroupPermissions: "r" }]);
  assert.deepEqual(host.Sysctls, { "net.core.somaxconn": "9" });
  assert.equal(host.NetworkMode, "host");
});

test("createBody() refuses flags that do not go together, and names them", () => {
  for (const [argv, why] of [
    ["--rm --restart always x", /--rm does not go with --restart/],
    ["--restart sometimes x", /unknown policy "sometimes"/],
    ["--restart always:3 x", /no valid number/],
    ["--cpus many x", /"many" is no number of CPUs/],
    ["--pid container x", /--pid: "container" is none of host, container:NAME/],
    ["--no-healthcheck --health-cmd true x", /does not go with/],
    ["--log-driver none --log-opt a=b x", /--log-opt does not go/],
    ["--expose 80:80 x", /is no port/],
    ["--security-opt seccomp=bad x", /is no JSON/],
    ["--security-opt label x", /has no value/],
    ["--network host --network mine x", /cannot be combined/],
    ["--network mine --network mine x", /is given twice/],
    ["--network host --network-alias a x", /needs a network of your own/],
    ["--mac-address 12 x", /is no MAC address/],
    ["--device /a:b x", /no absolute path/],
    ["--tmpfs rel x", /no absolute path/],
  ] as const) {
    assert.throws(() => body(...argv.split(" ")), why, argv);
  }
});

test("createBody() sends a network's settings as an endpoint", () => {
  const { HostConfig, NetworkingConfig } = body(
    "--network",
    "name=mine,alias=db,ip=10.0.0.5",
    "--network",
    "two",
    "x".repeat(2),
  );
  assert.equal(HostConfig.NetworkMode, "mine");
  assert.deepEqual(Object.keys(NetworkingConfig.EndpointsConfig), ["mine", "two"]);
});
