// What the lists print: the docker command line and ours on the same engine, byte for byte, with every form of --format.
import assert from "node:assert/strict";
import { test } from "node:test";
import { uniqueName } from "../../support/run.ts";
import { both } from "./both.ts";
import type { Subject } from "./engine.ts";
import { execute } from "./program.ts";

/** Docker's functions for templates, each with a value of a container's. */
const FUNCTIONS = [
  "{{json .Names}} {{json .Labels}}",
  '{{split .Image ":"}} {{index (split .Image ":") 0}}',
  '{{join (split .Labels ",") " | "}}',
  "{{title .State}} {{upper .State}} {{lower .Names}}",
  "{{pad .State 2 3}}|{{pad .ID 0 4}}|",
  "{{truncate .ID 5}} {{truncate .State 100}}",
  '{{println .State}}{{print .State 1}} {{printf "%-12s|%q" .State .Image}}',
  '{{len .ID}} {{eq .State "running"}} {{and .State .Image}} {{or "" .Image}} {{not .State}}',
  '{{if eq .State "running"}}up{{else if .State}}down{{else}}none{{end}}',
  '{{with .Label "golden"}}label {{.}}{{else}}no label{{end}}',
  '{{range split .Image ""}}<{{.}}>{{end}}',
  "{{$n := .Names}}{{$n}} {{/* a comment */}}{{- .State -}} x",
  '{{.Label "no"}}|{{.Platform}}|{{slice .ID 0 4}}|{{html "<a>"}}|{{js "it\'s"}}|{{urlquery "a b"}}',
  'table {{.Names}}\\t{{upper .State}}\\t{{.Label "golden"}}',
  "table {{.ID}}|{{.Names}}",
  '{{define "T"}}<{{.}}>{{end}}{{template "T" .State}}',
];

/** CONTAINER, VOLUME, IMAGE: those that were made for it. */
const LINES: readonly (readonly string[])[] = [
  ...FUNCTIONS.map((format) => ["ps", "-a", "--filter", "label=golden", "--format", format]),
  ...[
    "",
    "-a",
    "-aq",
    "-as",
    "-a --no-trunc",
    "-n 1",
    "-l",
    "-a --format json",
    "-a --format raw",
    "-aq --format raw",
  ].map((flags) => `ps --filter label=golden ${flags}`.trim().split(" ")),
  ...["status=running", "status=exited", "ancestor=busybox", "volume=VOLUME", "network=none", "exited=0"].map(
    (filter) => [...["ps", "-aq", "--filter", "label=golden", "--filter", filter]],
  ),
  ...[
    "",
    "-a",
    "-q",
    "-q --no-trunc",
    "--digests",
    "--no-trunc",
    "--format json",
    "--format raw",
    "busybox",
    "no-such",
  ].map((flags) => `images ${flags}`.trim().split(" ")),
  ["images", "--format", "table {{.Repository}}\\t{{.Tag}}\\t{{.ID}}\\t{{.Size}}"],
  ["images", "--format", "{{.Repository}}:{{.Tag}} {{.Digest}} {{.CreatedAt}} {{upper .Tag}}"],
  ["images", "--filter", "reference=busy*", "--format", "{{.Repository}}"],
  ["images", "--filter", "dangling=true", "-q"],
  ...["", "-q", "-H=false", "--no-trunc", "--format json"].map((flags) => `history ${flags} busybox`.split(/ +/)),
  ["history", "--format", "table {{.ID}}\\t{{.Size}}\\t{{.Comment}}", "busybox"],
  ...["", "-q", "--format json", "--filter dangling=true"].map((flags) =>
    `volume ls --filter label=golden ${flags}`.trim().split(" "),
  ),
  ["volume", "ls", "--filter", "label=golden", "--format", 'table {{.Name}}\\t{{.Label "golden"}}\\t{{.Mountpoint}}'],
  ["volume", "inspect", "VOLUME"],
  ["volume", "inspect", "-f", "{{.Driver}} {{.Labels.golden}} {{json .Options}}", "VOLUME"],
  ...["", "-q", "--no-trunc", "--format json", "--filter driver=null"].map((flags) =>
    `network ls ${flags}`.trim().split(" "),
  ),
  ["network", "ls", "--format", "table {{.Name}}\\t{{.Driver}}\\t{{.Scope}}\\t{{.Internal}}\\t{{.IPv6}}"],
  ["network", "inspect", "none"],
  ["network", "inspect", "-f", "{{.Name}} {{.Scope}} {{len .Containers}}", "none", "host"],
  ["inspect", "CONTAINER"],
  ["inspect", "CONTAINER", "busybox", "none", "VOLUME", "no-such"],
  ["inspect", "-s", "-f", "{{.SizeRw}} {{.SizeRootFs}}", "CONTAINER"],
  ["inspect", "--type", "image", "CONTAINER"],
  ["inspect", "--type", "container", "busybox"],
  ["inspect", "--type", "volume", "-f", "{{.Name}}", "VOLUME"],
  ["inspect", "--type", "network", "-f", "{{.Name}}", "host"],
  ["inspect", "-f", "{{range $k, $v := .Config.Labels}}{{$k}}={{$v}};{{end}}", "CONTAINER"],
  ["inspect", "-f", '{{index .Config.Labels "golden"}} {{json .State.Running}} {{.HostConfig.Memory}}', "CONTAINER"],
  ["inspect", "-f", '{{.ID}} {{join .Config.Env ","}} {{println .Path}}{{title .State.Status}}', "CONTAINER"],
  ["inspect", "-f", "{{json .}}", "VOLUME"],
  ["container", "inspect", "-f", "{{.Name}}", "CONTAINER", "no-such"],
  ["image", "inspect", "-f", "{{.RepoTags}} {{.Architecture}}/{{.Os}} {{json .Config.Cmd}}", "busybox"],
  ["port", "CONTAINER"],
  ["diff", "CONTAINER"],
  ["logs", "CONTAINER"],
  ["top", "CONTAINER", "-o", "comm"],
  ["system", "df"],
  ["system", "df", "--format", "json"],
  ["system", "df", "--format", "table {{.Type}}\\t{{.TotalCount}}\\t{{.Reclaimable}}"],
  ["info", "--format", "{{.Driver}} {{.OSType}} {{.NCPU}} {{.DockerRootDir}} {{json .Plugins.Volume}}"],
  ["version", "--format", "{{.Server.Version}} {{.Server.APIVersion}} {{.Server.Os}} {{.Client.APIVersion}}"],
  ["context", "ls", "-q"],
];

export function goldenTests(subject: () => Subject): void {
  test("lists and inspect print what docker prints, with every function of --format", async () => {
    const { wharf, socket } = subject();
    const name = uniqueName("golden");
    const names: Record<string, string> = { CONTAINER: name, VOLUME: `${name}-v` };
    const at = ["-H", `unix://${socket}`];
    const ours = (args: readonly string[]) => execute([wharf, ...at, ...args], { env: { HOME: "/root" } });
    const made = async (...args: string[]) => assert.equal((await ours(args)).code, 0, args.join(" "));
    await made("volume", "create", "--label", "golden=v", names.VOLUME!);
    const about = ["-l", "golden=yes", "-l", "a.b-c=d", "-e", "A=1", "-m", "64m", "-p", "8080:80", "--network", "none"];
    const script = "echo out; touch /made; exec sleep 1000";
    await made("run", "-d", "--name", name, ...about, "-v", `${names.VOLUME}:/data`, "busybox", "sh", "-c", script);
    await made("create", "--name", `${name}-2`, "-l", "golden", "--network", "none", "busybox", "true");
    const lines = LINES.map((line) => line.map((word) => word.replace(/CONTAINER|VOLUME/, (which) => names[which]!)));
    // time may pass between the two, which shows in ages: what differs is asked for again
    let left = lines;
    let wrong: string[] = [];
    for (let attempt = 0; left.length > 0 && attempt < 12; attempt++) {
      const answers = await both(subject(), left);
      const differ = answers.map(({ ours, theirs }) => ours.stdout !== theirs.stdout || ours.code !== theirs.code);
      wrong = answers.flatMap(({ ours, theirs }, i) =>
        differ[i]
          ? `${left[i]!.join(" ")}\nours ${ours.code}: ${ours.stdout}${ours.stderr}\ndocker's ${theirs.code}: ${theirs.stdout}${theirs.stderr}`
          : [],
      );
      left = left.filter((_, i) => differ[i]);
    }
    await ours(["rm", "-fv", name, `${name}-2`]);
    await ours(["volume", "rm", names.VOLUME!]);
    assert.deepEqual(wrong, [], wrong.join("\n\n"));
  });
}
