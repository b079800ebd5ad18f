import assert from "node:assert/strict";
import { test } from "node:test";
import { type ContainerSummary, containerFormat, containerRows } from "./container.ts";
import { imageFormat, imageRows, imageRowsOf } from "./image.ts";
import { inspectTemplate } from "./inspect.ts";
import { indentJson } from "./json-indent.ts";
import { displayPorts } from "./ports.ts";
import { ansiTime, goTime } from "./time.ts";
import { writeRows } from "./write.ts";

const clock = { now: 1_700_000_000, zone: () => ({ offsetSeconds: 0, name: "UTC" }) };
const ID = "0123456789abcdef".repeat(4);

const CONTAINER: ContainerSummary = {
  Id: ID,
  Names: ["/other/alias", "/web"],
  Image: "docker.io/library/nginx:1@sha256:".concat("a".repeat(64)),
  ImageID: `sha256:${"b".repeat(64)}`,
  Command: "nginx -g 'daemon off;' --long",
  Created: clock.now - 7200,
  Ports: [{ IP: "0.0.0.0", PrivatePort: 80, PublicPort: 8080, Type: "tcp" }],
  Labels: { b: "2", a: "1" },
  State: "running",
  Status: "Up 2 hours",
  SizeRw: 1234,
  SizeRootFs: 5_000_000,
};

function rows(format: string, truncate = true): string {
  return writeRows([CONTAINER], containerRows({ truncate, clock }), { format: containerFormat(format, false, false) });
}

test("ps: table, templates, json and raw", () => {
  assert.equal(
    rows(""),
    "CONTAINER ID   IMAGE     COMMAND                  CREATED       STATUS       PORTS                  NAMES\n" +
      '0123456789ab   nginx:1   "nginx -g \'daemon of…"   2 hours ago   Up 2 hours   0.0.0.0:8080->80/tcp   web\n',
  );
  assert.equal(rows("{{.ID}} {{.Names}}", false), `${ID} other/alias,web\n`);
  assert.equal(rows('table {{.ID}}\\t{{.Label "a"}}'), "CONTAINER ID   a\n0123456789ab   1\n");
  assert.equal(rows("table {{.ID | upper}} {{.State}}"), "CONTAINER ID STATE\n0123456789AB running\n");
  assert.match(rows("json"), /^\{"Command":.*"Labels":"a=1,b=2".*"Size":"1.23kB \(virtual 5MB\)"/);
  assert.match(rows("raw"), /^container_id: 0123456789ab\nimage: nginx:1\n/);
  assert.throws(() => rows("{{.Nope}}"), /can't evaluate field Nope in type \*formatter.ContainerContext/);
  assert.throws(() => rows("{{.ID"), /template parsing error: template: :1: unclosed action/);
});

test("ps: a window that is too narrow cuts the wide columns, not the ids and names", () => {
  const text = writeRows([CONTAINER], containerRows({ truncate: true, clock }), {
    format: containerFormat("", false, false),
    fit: 90,
    keep: new Set([0, 6]),
  });
  for (const line of text.split("\n")) assert.ok([...line].length <= 90, line);
  assert.match(text, /0123456789ab .* web$/m);
});

test("displayPorts() joins ranges as docker does", () => {
  const tcp = (PrivatePort: number, PublicPort = 0, IP = "") => ({ PrivatePort, PublicPort, IP, Type: "tcp" });
  assert.equal(displayPorts([tcp(82), tcp(80), tcp(81)]), "80-82/tcp");
  assert.equal(displayPorts([tcp(80), tcp(90)]), "80/tcp, 90/tcp");
  assert.equal(displayPorts([tcp(80, 80, "0.0.0.0"), tcp(81, 81, "0.0.0.0")]), "0.0.0.0:80-81->80-81/tcp");
  assert.equal(
    displayPorts([tcp(80, 8080, "0.0.0.0"), tcp(80, 8080, "::"), tcp(443)]),
    "443/tcp, 0.0.0.0:8080->80/tcp, [::]:8080->80/tcp",
  );
  assert.equal(displayPorts([]), "");
});

test("images: a line a tag, a line a digest without tag, dangling ones", () => {
  const image = (RepoTags: string[], RepoDigests: string[]) => ({
    Id: `sha256:${ID}`,
    RepoTags,
    RepoDigests,
    Created: clock.now - 60,
    Size: 2_061_234,
  });
  const digest = `sha256:${"c".repeat(64)}`;
  const show = (list: ReturnType<typeof image>[], digests: boolean) =>
    writeRows(
      list.flatMap((i) => imageRowsOf(i, digests)),
      imageRows(true, clock),
      { format: imageFormat("", false, digests) },
    );
  assert.equal(
    show([image(["docker.io/library/busybox:1", "busybox:2"], [`busybox@${digest}`]), image([], [])], false),
    "REPOSITORY   TAG       IMAGE ID       CREATED              SIZE\n" +
      "busybox      1         0123456789ab   About a minute ago   2.06MB\n" +
      "busybox      2         0123456789ab   About a minute ago   2.06MB\n" +
      "<none>       <none>    0123456789ab   About a minute ago   2.06MB\n",
  );
  assert.match(show([image([], [`busybox@${digest}`])], true), new RegExp(`busybox +<none> +${digest}`));
});

test("indentJson() changes nothing but the space between tokens", () => {
  const json = '[{"a":[],"b": {},"c":[1,2.50,"x\\"{,:}"],"d":{"e":null},"f":18446744073709551615}]';
  const indented = indentJson(json, "", "    ");
  assert.equal(indented.replace(/("(?:[^"\\]|\\.)*")|\s/g, "$1"), json.replace(": {}", ":{}"));
  assert.equal(
    indentJson('{"a":1,"b":[{}]}', "    ", "    "),
    '{\n        "a": 1,\n        "b": [\n            {}\n        ]\n    }',
  );
  assert.equal(indentJson("[ ]", "", "  "), "[]");
  assert.deepEqual(JSON.parse(indented), JSON.parse(json));
});

test("inspect: zero values of what servers leave out, errors for what never was", () => {
  const show = (format: string) =>
    inspectTemplate(format)(
      '{"Id":"x","Config":{"Cmd":null,"Labels":{"a":"b"},"Volumes":{"/v":{}}},"HostConfig":{"NanoCpus":5},"State":{"Pid":7}}',
    );
  assert.equal(show("{{.ID}} {{.State.Pid}} {{.State.Health}}"), "x 7 <nil>");
  assert.equal(show("{{.Config.Cmd}} {{.Config.Volumes}} {{json .Config.Cmd}}"), "[] map[/v:{}] null");
  assert.equal(show("{{.HostConfig.NanoCPUs}} {{.HostConfig.NanoCpus}}"), "5 5");
  assert.equal(show('{{index .Config.Labels "z"}}|{{.Config.Labels.z}}'), "|<no value>");
  assert.throws(() => show("{{.State.Nope}}"), /map has no entry for key "Nope"/);
});

test("times print as Go prints them", () => {
  assert.equal(goTime(1_700_000_000, clock), "2023-11-14 22:13:20 +0000 UTC");
  const west = { now: 0, zone: () => ({ offsetSeconds: -12600, name: "NST" }) };
  assert.equal(goTime(1_700_000_000, west), "2023-11-14 18:43:20 -0330 NST");
  assert.equal(ansiTime("2026-09-05T11:02:57.123+00:00"), "Sat Sep  5 11:02:57 2026");
  assert.equal(ansiTime("unknown"), "unknown");
});
