// The CLI on a real dockerd, and beside the real docker CLI: what both print must be the same.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { uniqueName } from "../../support/run.ts";
import { type Engine, importBusybox, startDockerd } from "./dockerd.ts";
import { engineTests } from "./engine.ts";
import { goldenTests } from "./golden.ts";
import { mistakeTests } from "./mistakes.ts";
import { execute, Scratch, wharfProgram } from "./program.ts";

const scratch = new Scratch();
let engine: Engine;
let wharf = "";

before(async () => {
  wharf = await wharfProgram(scratch);
  engine = await startDockerd(scratch);
  await importBusybox(engine, scratch);
});
after(async () => {
  await engine?.[Symbol.asyncDispose]();
  scratch[Symbol.dispose]();
});

engineTests(() => ({ wharf, socket: engine.socket, scratch }));
mistakeTests(() => ({ wharf, socket: engine.socket, scratch }));
goldenTests(() => ({ wharf, socket: engine.socket, scratch }));

/** Both clients' outputs; asked again when time has passed between them, which shows in ages. */
async function same(args: readonly string[]): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    const [ours, theirs] = await Promise.all([
      execute([wharf, "-H", `unix://${engine.socket}`, ...args], { env: { HOME: "/root" } }),
      engine.docker(args),
    ]);
    if (ours.stdout !== theirs.stdout && attempt < 20) continue;
    assert.equal(ours.stdout, theirs.stdout, args.join(" "));
    assert.equal(ours.code, theirs.code, args.join(" "));
    return;
  }
}

test("ps, images, inspect and logs print what docker prints", async () => {
  const name = uniqueName("golden");
  const flags = [
    "-l",
    "a=b",
    "-l",
    "c.d=e f",
    "-e",
    'X=<&>"é',
    "--tmpfs",
    "/t",
    "-v",
    "/anon",
    "--memory",
    "64m",
    "-p",
    "8080:80",
  ];
  const script = 'echo "out é"; echo err >&2; sleep 1000';
  const made = await engine.docker([
    "run",
    "-d",
    "--name",
    name,
    "--network",
    "none",
    ...flags,
    "busybox",
    "sh",
    "-c",
    script,
  ]);
  assert.equal(made.code, 0, made.stderr);
  for (const args of [
    ["ps"],
    ["ps", "-a", "--no-trunc"],
    ["ps", "-s"],
    ["ps", "-q"],
    ["ps", "-aq", "--no-trunc"],
    ["ps", "--format", "json"],
    ["ps", "--format", "raw"],
    [
      "ps",
      "--format",
      'table {{.ID}}\\t{{.Names}}\\t{{.Label "c.d"}}\\t{{.Mounts}}\\t{{.Networks}}\\t{{.LocalVolumes}}',
    ],
    ["ps", "--format", "{{.Names}} {{.Image}} {{.Command}} {{.CreatedAt}} {{.Ports}} {{.Labels}} {{upper .State}}"],
    ["images"],
    ["images", "--digests"],
    ["images", "-q", "--no-trunc"],
    ["images", "--format", "json"],
    ["images", "--format", "table {{.Repository}}\\t{{.Size}}\\t{{.CreatedAt}}\\t{{.SharedSize}}\\t{{.Containers}}"],
    ["images", "busybox:latest"],
    ["images", "nothing"],
    ["inspect", name],
    ["inspect", "busybox"],
    ["inspect", "busybox", name],
    ["inspect", "none"],
    ["inspect", "nothing-at-all"],
    ["inspect", "-s", name],
    ["inspect", "-f", "json", name],
    ["inspect", "-f", "{{.ID}} {{.State.Status}} {{.Config.Env}} {{.HostConfig.Memory}} {{json .Mounts}}", name],
    ["logs", name],
    ["logs", "-n", "1", name],
    ["logs", "-t", name],
    ["ps", "--filter", "status=exited"],
    ["ps", "--last", "1"],
    ["rm", "nothing-at-all"],
    ["rm", "-f", "nothing-at-all"],
    ["inspect", "--type", "image", name],
    ["container", "ls", "-q"],
    ["image", "ls", "-q"],
  ]) {
    await same(args);
  }
});

test("the same create request as docker's", async () => {
  const flags = [
    ..."-it -m 64m --memory-swap -1 --cpus 1.5 --cpu-shares 5 --cap-add NET_ADMIN --cap-drop ALL --read-only --tmpfs /run:size=1m".split(
      " ",
    ),
    ..."-v /tmp:/b:ro -v /vol --mount type=tmpfs,target=/m,tmpfs-size=1m -e X=1 -l a=b --ulimit nofile=10:20 --init".split(
      " ",
    ),
    ..."--expose 90-91 --stop-timeout 3 --stop-signal INT --health-cmd true --health-interval 5s --pids-limit 7".split(
      " ",
    ),
    ..."--entrypoint /bin/sh --hostname box --add-host a:1.2.3.4 --dns 1.1.1.1 --group-add 5 --shm-size 1m --ipc private".split(
      " ",
    ),
    ..."--security-opt no-new-privileges --log-opt max-size=1m --restart on-failure:3 --oom-score-adj 5 --network none -w /x -u 1:2".split(
      " ",
    ),
  ];
  const ours = await execute([wharf, "-H", `unix://${engine.socket}`, "create", ...flags, "busybox", "-c", "echo"]);
  assert.equal(ours.code, 0, ours.stderr);
  const theirs = await engine.docker(["create", ...flags, "busybox", "-c", "echo"]);
  const seen = async (id: string) => {
    const { stdout } = await engine.docker(["inspect", id]);
    const [container] = JSON.parse(stdout) as [Record<string, Record<string, unknown>>];
    const { Config, HostConfig } = container;
    // dockerd lists them in no order
    const mounts = (container.Mounts as unknown as { Destination: string }[]).sort((a, b) =>
      a.Destination < b.Destination ? -1 : 1,
    );
    const volumes = JSON.stringify(mounts).replace(/[0-9a-f]{64}/g, "VOLUME");
    return { Config, HostConfig: { ...HostConfig, ConsoleSize: null }, volumes };
  };
  assert.deepEqual(await seen(ours.stdout.trim()), await seen(theirs.stdout.trim()));
});
