// dockerode, the API's client of most Node.js programs, on our socket.
import assert from "node:assert/strict";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { buffer, text } from "node:stream/consumers";
import { after, before, test } from "node:test";
import Docker from "dockerode";
import { uniqueName } from "../../support/run.ts";
import { BIN, build, Daemon, until } from "../e2e/daemon.ts";

let daemon: Daemon;
let docker: Docker;
before(async () => {
  build();
  daemon = await Daemon.start();
  await daemon.busybox();
  docker = new Docker({ socketPath: daemon.socket });
});
after(() => daemon[Symbol.asyncDispose]());

const NONE = { NetworkMode: "none" };

test("the daemon: ping, version, info, df, the lists", async () => {
  assert.equal(String(await docker.ping()), "OK");
  assert.equal((await docker.version()).ApiVersion, "1.51");
  assert.equal((await docker.info()).OSType, "linux");
  assert.ok((await docker.df()).LayersSize > 0);
  assert.deepEqual(await docker.listContainers({ all: true }), []);
  assert.ok((await docker.listImages()).some(({ RepoTags }) => RepoTags?.includes("busybox:latest")));
  assert.ok((await docker.listNetworks()).some(({ Name }) => Name === "bridge"));
});

test("run: output of both streams taken apart, input, exit code", async () => {
  const [out, err] = [new PassThrough(), new PassThrough()];
  const [result, container] = (await docker.run(
    "busybox",
    ["sh", "-c", "echo out; echo err >&2; exit 3"],
    [out, err] as never,
    {
      Tty: false,
      HostConfig: NONE,
    },
  )) as [{ StatusCode: number }, Docker.Container];
  // dockerode ends them with the connection, which may come after the answer to its wait.
  assert.deepEqual([result.StatusCode, await text(out), await text(err)], [3, "out\n", "err\n"]);
  await container.remove();
  const cat = await docker.createContainer({
    Image: "busybox",
    Cmd: ["cat"],
    OpenStdin: true,
    StdinOnce: true,
    HostConfig: { ...NONE, AutoRemove: true },
  });
  const stream = await cat.attach({ stream: true, stdin: true, stdout: true, hijack: true });
  const output = new PassThrough();
  docker.modem.demuxStream(stream, output, output);
  stream.on("end", () => output.end());
  await cat.start();
  stream.write("through and back\n");
  stream.end();
  assert.equal(await text(output), "through and back\n");
});

test("a container's life: create, start, inspect, logs, exec, stats, top, update, rename, pause, stop, wait, remove", async () => {
  const container = await docker.createContainer({
    name: "life",
    Image: "busybox",
    Cmd: ["sh", "-c", "echo begun; exec sleep 1000"],
    Labels: { by: "dockerode" },
    HostConfig: NONE,
  });
  await container.start();
  const inspected = await container.inspect();
  assert.deepEqual([inspected.Name, inspected.State.Running, inspected.Config.Labels.by], ["/life", true, "dockerode"]);
  const rows = await docker.listContainers({ filters: { label: ["by=dockerode"] } });
  assert.deepEqual(
    rows.map(({ Id }) => Id),
    [container.id],
  );
  // the program has been started; that it has written something by then is not said
  const logs = () => container.logs({ stdout: true, follow: false });
  await until("its output", async () => (await logs()).toString("utf8", 8).startsWith("begun"));
  const exec = await container.exec({ Cmd: ["sh", "-c", "echo in; echo $A"], Env: ["A=b"], AttachStdout: true });
  const stream = await exec.start({});
  const output = new PassThrough();
  docker.modem.demuxStream(stream, output, output);
  stream.on("end", () => output.end());
  assert.equal(await text(output), "in\nb\n");
  assert.equal((await exec.inspect()).ExitCode, 0);
  assert.ok(((await container.stats({ stream: false })).pids_stats?.current ?? 0) > 0);
  assert.ok((await container.top()).Processes.length > 0);
  await container.update({ PidsLimit: 42 } as object);
  assert.equal((await container.inspect()).HostConfig.PidsLimit, 42);
  await container.rename({ name: "renamed" });
  await container.pause();
  assert.equal((await container.inspect()).State.Paused, true);
  await container.unpause();
  const waiting = container.wait();
  await container.stop({ t: 0 });
  assert.equal((await waiting).StatusCode, 137);
  await assert.rejects(container.stop(), { statusCode: 304 });
  await container.restart({ t: 0 });
  await container.kill();
  await container.remove({ force: true });
  await assert.rejects(container.inspect(), {
    statusCode: 404,
    json: { message: `No such container: ${container.id}` },
  });
  await daemon.clean();
});

test("a terminal with its size", async () => {
  const container = await docker.createContainer({
    Image: "busybox",
    Cmd: ["sh"],
    Tty: true,
    OpenStdin: true,
    HostConfig: NONE,
  });
  const stream = await container.attach({ stream: true, stdin: true, stdout: true, stderr: true, hijack: true });
  await container.start();
  await container.resize({ h: 40, w: 100 });
  stream.write("stty size; exit\n");
  assert.match(await text(stream as never), /40 100/);
  await container.wait();
  await container.remove();
});

test("files both ways, changes, export, commit, images saved and loaded", async () => {
  const container = await docker.createContainer({
    Image: "busybox",
    Cmd: ["sh", "-c", "echo made > /made"],
    HostConfig: NONE,
  });
  await container.start();
  await container.wait();
  assert.deepEqual(await container.changes(), [{ Path: "/made", Kind: 1 }]);
  const tar = await buffer(await container.getArchive({ path: "/made" }));
  await container.putArchive(tar, { path: "/tmp" });
  assert.ok((await buffer(await container.getArchive({ path: "/tmp/made" }))).includes("made\n"));
  assert.ok((await container.infoArchive({ path: "/made" })) !== undefined);
  assert.ok((await buffer(await container.export())).includes("made\0"));
  const { Id } = await container.commit({ repo: "committed", tag: "1", comment: "why" });
  await container.remove();
  const image = docker.getImage("committed:1");
  assert.equal((await image.inspect()).Id, Id);
  assert.equal((await image.history())[0]?.Comment, "why");
  await image.tag({ repo: "another", tag: "2" });
  const saved = await buffer(await docker.getImage("another:2").get());
  for (const name of ["committed:1", "another:2"]) await docker.getImage(name).remove();
  const loading = new PassThrough();
  loading.end(saved);
  const answer = await docker.loadImage(loading);
  assert.match(await text(answer as never), /Loaded image: another:2/);
  await docker.getImage("another:2").remove();
});

test("volumes and networks", async () => {
  await docker.createVolume({ Name: "dv", Labels: { a: "b" } });
  const volume = docker.getVolume("dv");
  assert.equal((await volume.inspect()).Labels.a, "b");
  assert.deepEqual(
    (await docker.listVolumes()).Volumes.map(({ Name }) => Name),
    ["dv"],
  );
  await volume.remove();
  await assert.rejects(volume.inspect(), { statusCode: 404 });
  assert.equal((await docker.getNetwork("bridge").inspect()).Driver, "bridge");
});

test("events, and a pull that fails tells why in Docker's way", async () => {
  const events = await docker.getEvents({ filters: { event: ["create"] } });
  let told = "";
  events.on("data", (chunk: Buffer) => {
    told += chunk;
  });
  const container = await docker.createContainer({ Image: "busybox", HostConfig: NONE });
  await until("an event", () => told.endsWith("\n"));
  assert.equal(JSON.parse(told).Actor.ID, container.id);
  (events as NodeJS.ReadableStream & { destroy(): void }).destroy();
  await container.remove();
  await assert.rejects(docker.pull("127.0.0.1:1/nothing:here"), { statusCode: 503 });
  await assert.rejects(docker.createContainer({ Image: "nosuch:latest" }), { statusCode: 404 });
  await daemon.clean();
});

test("a container with the daemon's socket takes away what carries a label, as ryuk of testcontainers does", async () => {
  const Labels = { session: "s1" };
  const network = await docker.createNetwork({ Name: uniqueName("ryuk"), Labels });
  const volume = uniqueName("ryuk");
  await docker.createVolume({ Name: volume, Labels });
  const HostConfig = { NetworkMode: network.id, Binds: [`${volume}:/data`] };
  const left = await docker.createContainer({ Image: "busybox", Cmd: ["sleep", "1000"], Labels, HostConfig });
  await left.start();
  const script = `export DOCKER_HOST=unix:///var/run/docker.sock
    for id in $(wharf ps -aq --filter label=session=s1); do wharf rm -fv $id || exit 1; done
    for id in $(wharf network ls -q --filter label=session=s1); do wharf network rm $id || exit 2; done
    for name in $(wharf volume ls -q --filter label=session=s1); do wharf volume rm $name || exit 3; done`;
  const sweeper = await docker.createContainer({
    ...{ Image: "busybox", Cmd: ["sh", "-c", script] },
    HostConfig: { ...NONE, Binds: [`${daemon.socket}:/var/run/docker.sock`, `${join(BIN, "wharf")}:/bin/wharf:ro`] },
  });
  await sweeper.start();
  assert.deepEqual(await sweeper.wait(), { StatusCode: 0 }, String(await sweeper.logs({ stdout: true, stderr: true })));
  const filters = { label: ["session=s1"] };
  assert.deepEqual(await docker.listContainers({ all: true, filters }), []);
  assert.deepEqual(await docker.listNetworks({ filters }), []);
  assert.deepEqual((await docker.listVolumes({ filters })).Volumes, []);
  await sweeper.remove();
});
