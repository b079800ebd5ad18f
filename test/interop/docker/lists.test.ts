// Lists with every filter there is, events with theirs and with times, and what the daemon says of itself.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { build, Daemon, until } from "../e2e/daemon.ts";
import { Api } from "./client.ts";

let daemon: Daemon;
/** As it is when the daemon starts. */
let commit: string;
const api = new Api(() => daemon.socket);
before(async () => {
  build();
  commit = readFileSync(join(import.meta.dirname, "../../../dist/commit"), "utf8").trim();
  daemon = await Daemon.start();
  await daemon.busybox();
});
after(() => daemon[Symbol.asyncDispose]());

const query = (filters: object) => `filters=${encodeURIComponent(JSON.stringify(filters))}`;
const get = async (path: string) => (await api.expect(200, "GET", path)).json();

test("containers: all, limit, size and every filter", async () => {
  const one = await api.create(
    {
      Cmd: ["sleep", "1000"],
      Labels: { a: "1", b: "" },
      ExposedPorts: { "85/tcp": {}, "90/udp": {} },
      HostConfig: { PortBindings: { "85/tcp": [{ HostPort: "" }] }, Binds: ["lv:/data"] },
    },
    "?name=first-one",
  );
  await api.start(one);
  const two = await api.create({ Cmd: ["sh", "-c", "exit 3"], Labels: { a: "2" } }, "?name=second");
  await api.start(two);
  await api.expect(200, "POST", `/containers/${two}/wait`);
  const three = await api.create({ Cmd: ["true"] }, "?name=third");
  const names = async (filters: object, more = "all=1") =>
    (await get(`/containers/json?${more}&${query(filters)}`)).map(({ Names }: { Names: string[] }) =>
      Names[0]!.slice(1),
    );
  const all = ["third", "second", "first-one"];
  assert.deepEqual(await names({}), all);
  assert.deepEqual(await names({}, ""), ["first-one"]);
  assert.deepEqual(await names({}, "limit=2"), ["third", "second"]);
  const [network] = await get(`/networks?${query({ name: ["bridge"] })}`);
  const cases: [object, string[]][] = [
    [{ id: [one.slice(0, 12)] }, ["first-one"]],
    [{ name: ["first"] }, ["first-one"]],
    [{ name: ["^/second$"] }, ["second"]],
    [{ label: ["a"] }, ["second", "first-one"]],
    [{ label: ["a=1", "b"] }, ["first-one"]],
    [{ status: ["exited"] }, ["second"]],
    [{ status: { created: true } }, ["third"]],
    [{ exited: ["3"] }, ["second"]],
    [{ ancestor: ["busybox"] }, all],
    [{ ancestor: ["nosuch"] }, []],
    [{ before: ["third"] }, ["second", "first-one"]],
    [{ since: ["first-one"] }, ["third", "second"]],
    [{ volume: ["lv"] }, ["first-one"]],
    [{ volume: ["/data"] }, ["first-one"]],
    [{ network: ["bridge"] }, ["first-one"]],
    [{ network: [network.Id] }, ["first-one"]],
    [{ expose: ["80-86/tcp"] }, ["first-one"]],
    [{ expose: ["90/udp"] }, ["first-one"]],
    [{ publish: ["85"] }, ["first-one"]],
    [{ publish: ["90/udp"] }, []],
    [{ health: ["none"] }, all],
    [{ health: ["healthy"] }, []],
    [{ "is-task": ["false"] }, all],
    [{ isolation: ["default"] }, all],
  ];
  for (const [filters, wanted] of cases) assert.deepEqual(await names(filters), wanted, JSON.stringify(filters));
  for (const bad of [{ status: ["x"] }, { exited: ["x"] }, { expose: ["x"] }, { nosuch: ["x"] }])
    await api.refused(400, /invalid filter '/, "GET", `/containers/json?${query(bad)}`);
  const [row] = await get(`/containers/json?size=1&${query({ id: [one] })}`);
  assert.ok(row.SizeRootFs > 1e6 && row.SizeRw >= 0);
  assert.equal((await api.inspect(one)).SizeRw, undefined);
  assert.ok((await get(`/containers/${one}/json?size=1`)).SizeRootFs > 1e6);
  await api.remove(one, two, three);
  await api.expect(204, "DELETE", "/volumes/lv");
  await daemon.clean();
});

test("images: every filter, shared-size; removal by name, by force, and refused", async () => {
  const id = await api.create({ Cmd: ["sh", "-c", "echo x > /x"] });
  await api.start(id);
  await api.expect(200, "POST", `/containers/${id}/wait`);
  const changes = encodeURIComponent("LABEL kind=made");
  const made = (
    await api.expect(201, "POST", `/commit?container=${id}&repo=made&tag=1&changes=${changes}&author=me&comment=c`)
  ).json();
  await api.remove(id);
  const tags = async (filters: object, more = "") =>
    (await get(`/images/json?${query(filters)}${more}`))
      .flatMap(({ RepoTags }: { RepoTags: string[] }) => RepoTags)
      .sort();
  assert.deepEqual(await tags({}), ["busybox:latest", "made:1"]);
  const cases: [object, string[]][] = [
    [{ reference: ["mad*"] }, ["made:1"]],
    [{ reference: ["*:latest"] }, ["busybox:latest"]],
    [{ label: ["kind"] }, ["made:1"]],
    [{ label: ["kind=other"] }, []],
    [{ before: ["made:1"] }, ["busybox:latest"]],
    [{ since: ["busybox"] }, ["made:1"]],
    [{ until: ["1h"] }, ["busybox:latest"]],
    [{ dangling: ["true"] }, []],
    [{ dangling: ["false"] }, ["busybox:latest", "made:1"]],
  ];
  for (const [filters, wanted] of cases) assert.deepEqual(await tags(filters), wanted, JSON.stringify(filters));
  await api.refused(400, /invalid filter 'x'/, "GET", `/images/json?${query({ x: ["y"] })}`);
  const rows = await get("/images/json?shared-size=1&all=1&digests=1");
  for (const { SharedSize } of rows) assert.ok(SharedSize > 1e6);
  for (const { SharedSize } of await get("/images/json")) assert.equal(SharedSize, -1);
  const inspected = await get(`/images/${made.Id}/json`);
  assert.deepEqual([inspected.Author, inspected.Comment, inspected.Config.Labels], ["me", "c", { kind: "made" }]);
  assert.equal(inspected.Parent, (await get("/images/busybox/json")).Id);
  const user = await api.create({ Image: "made:1", Cmd: ["true"] });
  await api.refused(409, /unable to (remove|delete)/, "DELETE", "/images/made:1");
  await api.refused(400, /invalid platform/, "DELETE", "/images/made:1?platforms=x");
  await api.remove(user);
  const removed = (await api.expect(200, "DELETE", "/images/made:1?force=1&noprune=1")).json();
  assert.deepEqual(removed[0], { Untagged: "made:1" });
  // Its own layer goes with it, and what it shares with busybox stays.
  const deleted = removed.map(({ Deleted }: { Deleted?: string }) => Deleted).filter(Boolean);
  const [shared] = (await get("/images/busybox/json")).RootFS.Layers;
  assert.equal(deleted[0], made.Id);
  assert.ok(deleted.length === inspected.RootFS.Layers.length && !deleted.includes(shared), String(deleted));
  await api.refused(404, /No such image: made:1/, "GET", "/images/made:1/json");
  await daemon.clean();
});

test("images: import of a body with name, message, changes and platform; the source is checked; search is refused", async () => {
  const tar = (await api.expect(200, "GET", `/containers/${await api.create({}, "?name=src")}/export`)).body;
  await api.remove("src");
  const changes = ["ENV A=b", 'CMD ["sh", "-c", "echo $A"]']
    .map((one) => `&changes=${encodeURIComponent(one)}`)
    .join("");
  const path = `/images/create?fromSrc=-&repo=imported&tag=1&message=why&platform=linux/amd64${changes}`;
  const answer = await api.call("POST", path, tar);
  assert.match(answer.json().status, /^sha256:/);
  assert.equal((await get("/images/imported:1/json")).Comment, "why");
  const image = { Image: "imported:1", Cmd: undefined };
  assert.equal(await api.run(image), "b\n");
  await api.refused(
    400,
    /unknown instruction|not a valid change|not supported|cannot be/i,
    "POST",
    "/images/create?fromSrc=-&changes=NOSUCH%20x",
  );
  await api.expect(200, "DELETE", "/images/imported:1");
  await api.refused(501, /searching is not offered/, "GET", "/images/search?term=x&limit=3");
  await api.refused(404, /No such image/, "GET", "/images/nosuch/history");
  const [step] = await get("/images/busybox/history?platform=");
  assert.match(step.Id, /^sha256:|<missing>/);
});

test("volumes and networks: every filter; prune takes what its filters say", async () => {
  await api.expect(201, "POST", "/volumes/create", { Name: "va", Driver: "local", Labels: { k: "v" } });
  const b = (await api.expect(201, "POST", "/volumes/create", { DriverOpts: {} })).json();
  assert.equal(b.Labels["com.docker.volume.anonymous"], "");
  const id = await api.create({ HostConfig: { NetworkMode: "none", Binds: ["va:/v"] } });
  const names = async (filters: object) =>
    (await get(`/volumes?${query(filters)}`)).Volumes.map(({ Name }: { Name: string }) => Name);
  assert.deepEqual(await names({ name: ["va"] }), ["va"]);
  assert.deepEqual(await names({ label: ["k=v"] }), ["va"]);
  assert.deepEqual(await names({ dangling: ["true"] }), [b.Name]);
  assert.deepEqual(await names({ dangling: ["false"] }), ["va"]);
  assert.deepEqual(await names({ driver: ["nfs"] }), []);
  await api.refused(400, /invalid filter/, "GET", `/volumes?${query({ x: ["y"] })}`);
  await api.refused(409, /volume is in use/, "DELETE", "/volumes/va");
  await api.expect(204, "DELETE", "/volumes/nosuch?force=1");
  await api.refused(404, /no such volume/, "DELETE", "/volumes/nosuch");
  await api.refused(503, /swarm/, "PUT", "/volumes/va?version=1", { Spec: {} });
  const prune = async (filters: object) => (await api.expect(200, "POST", `/volumes/prune?${query(filters)}`)).json();
  assert.equal((await prune({ label: ["nosuch"] })).VolumesDeleted, null);
  assert.deepEqual((await prune({})).VolumesDeleted, [b.Name]);
  await api.remove(id);
  assert.deepEqual((await prune({ all: ["true"], "label!": ["other"] })).VolumesDeleted, ["va"]);
  const nets = async (filters: object) =>
    (await get(`/networks?${query(filters)}`)).map(({ Name }: { Name: string }) => Name);
  assert.deepEqual(await nets({}), ["bridge", "host", "none"]);
  const [bridge] = await get(`/networks?${query({ driver: ["bridge"] })}`);
  assert.deepEqual(await nets({ id: [bridge.Id] }), ["bridge"]);
  assert.deepEqual(await nets({ type: ["builtin"], scope: ["local"] }), ["bridge", "host", "none"]);
  assert.deepEqual(await nets({ type: ["custom"] }), []);
  assert.deepEqual(await nets({ label: ["x"] }), []);
  assert.deepEqual(await nets({ dangling: ["true"] }), []);
  assert.equal((await get(`/networks/${bridge.Id}?verbose=1&scope=local`)).Name, "bridge");
  await api.refused(404, /not found/, "GET", `/networks/${bridge.Id}?scope=swarm`);
  await daemon.clean();
});

/** Lines of /events until the answer ends, or has one of this action. */
function events(
  path: string,
  last?: string,
): Promise<{ Type: string; Action: string; Actor: { ID: string }; timeNano: number }[]> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath: daemon.socket, path: `/events?${path}` }, (response) => {
      let text = "";
      const done = () =>
        resolve(
          text
            .trim()
            .split("\n")
            .filter(Boolean)
            .map((line) => JSON.parse(line)),
        );
      response.on("data", (chunk) => {
        text += chunk;
        if (last === undefined || !text.endsWith("\n") || !text.includes(`"Action":"${last}"`)) return;
        done();
        response.destroy();
      });
      response.on("error", () => {}).on("end", done);
    });
    sent.on("error", reject);
    sent.end();
  });
}

test("events: since and until, each filter, none missed between them", async () => {
  const begin = (Date.now() / 1000).toFixed(6);
  // one that has come too late to hear of the beginning is told of it
  const live = events(`since=${begin}&${query({ type: ["container"] })}`, "destroy");
  const id = await api.create({ Cmd: ["true"], Labels: { ev: "1" } }, "?name=ev");
  await api.start(id);
  await api.expect(200, "POST", `/containers/${id}/wait`);
  await until("its end", async () => (await api.inspect(id)).State.Status === "exited");
  await api.remove(id);
  await api.expect(201, "POST", "/volumes/create", { Name: "evv" });
  await api.expect(204, "DELETE", "/volumes/evv");
  // Date.now() leaves out what is below a millisecond
  const end = ((Date.now() + 1) / 1000).toFixed(6);
  const past = (filters: object) => events(`since=${begin}&until=${end}&${query(filters)}`);
  const actions = async (filters: object) => (await past(filters)).map(({ Action }) => Action);
  const life = ["create", "start", "die", "destroy"];
  assert.deepEqual(
    (await live).map(({ Action }) => Action),
    life,
    "as they came",
  );
  const all = await past({});
  assert.ok(all.every(({ timeNano }, at) => at === 0 || timeNano > all[at - 1]!.timeNano));
  const cases: [object, string[]][] = [
    [{ type: ["container"] }, life],
    // dockerd takes whatever has a name that begins so
    [{ container: ["ev"] }, [...life, "create", "destroy"]],
    [{ container: ["ev"], type: ["container"] }, life],
    [{ container: [id] }, life],
    [{ event: ["die", "start"] }, ["start", "die"]],
    [{ image: ["busybox"], type: ["container"] }, life],
    [{ label: ["ev=1"] }, life],
    [{ label: ["ev=2"] }, []],
    [{ type: ["volume"] }, ["create", "destroy"]],
    [{ volume: ["evv"] }, ["create", "destroy"]],
    [{ network: ["nosuch"] }, []],
    [{ daemon: ["nosuch"] }, []],
    [{ scope: ["swarm"] }, []],
    [{ scope: ["local"], container: [id] }, life],
    [{ event: ["connect", "disconnect"], network: ["no"] }, ["connect", "disconnect"]],
  ];
  for (const [filters, wanted] of cases) assert.deepEqual(await actions(filters), wanted, JSON.stringify(filters));
  await api.refused(400, /invalid filter 'x'/, "GET", `/events?${query({ x: ["y"] })}`);
  await api.refused(400, /since/, "GET", "/events?since=what");
});

test("ping, version, info, auth, df", async () => {
  for (const method of ["GET", "HEAD"]) {
    const { status, headers } = await api.call(method, "/_ping");
    assert.deepEqual(
      [status, headers["api-version"], headers["ostype"], headers["cache-control"]],
      [200, "1.51", "linux", "no-cache, no-store, must-revalidate"],
    );
  }
  const version = await get("/v1.24/version");
  assert.deepEqual([version.ApiVersion, version.MinAPIVersion, version.Os], ["1.51", "1.24", "linux"]);
  assert.match(commit, /^([0-9a-f]{40,64}(\.m)?)?$/);
  const short = commit.replace(/(?<=^.{7})[0-9a-f]*/, "");
  assert.equal(version.GitCommit, short);
  for (const { Name, Details } of version.Components) assert.equal(Details.GitCommit, short, Name);
  await api.refused(400, /too new/, "GET", "/v1.99/info");
  await api.refused(400, /too old/, "GET", "/v1.23/info");
  const info = await get("/info");
  assert.deepEqual([info.Driver, info.OSType, info.LoggingDriver], ["overlayfs", "linux", "json-file"]);
  assert.deepEqual([info.DefaultRuntime, info.CgroupDriver], ["runt", "cgroupfs"]);
  for (const part of ["ContainerdCommit", "RuncCommit", "InitCommit"]) assert.equal(info[part].ID, commit, part);
  assert.ok(info.NCPU > 0 && info.MemTotal > 0 && info.Images === 1);
  await api.refused(503, /nosuch|127\.0\.0\.1/, "POST", "/auth", {
    username: "u",
    password: "p",
    email: "e@x",
    serveraddress: "127.0.0.1:1",
  });
  const df = await get("/system/df");
  assert.deepEqual(Object.keys(df).sort(), ["BuildCache", "Containers", "Images", "LayersSize", "Volumes"]);
  assert.deepEqual(Object.keys(await get("/system/df?type=volume&type=container")).sort(), ["Containers", "Volumes"]);
  await api.refused(400, /unknown object type/, "GET", "/system/df?type=x");
});

test("prune of build caches: there are none", async () => {
  const pruned = await api.expect(200, "POST", "/build/prune?all=1&filters=%7B%22until%22%3A%7B%221h%22%3Atrue%7D%7D");
  assert.deepEqual(pruned.json(), { CachesDeleted: null, SpaceReclaimed: 0 });
  await api.refused(400, /filters/, "POST", "/build/prune?filters=x");
});

test("what is not there yet answers 501 with its name", async () => {
  for (const [method, path, name] of [
    ["POST", "/build", "ImageBuild"],
    ["POST", "/networks/bridge/connect", "NetworkConnect"],
    ["POST", "/networks/bridge/disconnect", "NetworkDisconnect"],
    ["POST", "/session", "Session"],
    ["GET", "/plugins", "PluginList"],
    ["GET", "/swarm", "SwarmInspect"],
    ["GET", "/nodes", "NodeList"],
    ["GET", "/services", "ServiceList"],
    ["GET", "/tasks", "TaskList"],
    ["GET", "/secrets", "SecretList"],
    ["GET", "/configs", "ConfigList"],
  ] as const)
    await api.refused(501, new RegExp(name), method, path);
  // As dockerd says it.
  await api.refused(503, /This node is not part of a swarm/, "POST", "/swarm/leave");
});
