// The same requests to a real dockerd and to ours: the answers are compared field by field. Every difference there may be is listed here
// with its reason; one that is not listed, and a listed one that is gone, fail.
import assert from "node:assert/strict";
import { request } from "node:http";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { settles } from "../../support/until.ts";
import { type Engine, startDockerd } from "../cli/dockerd.ts";
import { Scratch } from "../cli/program.ts";
import { build, Daemon } from "../e2e/daemon.ts";

let ours: Daemon;
let theirs: Engine;
let scratch: Scratch;

before(async () => {
  build();
  scratch = new Scratch();
  [ours, theirs] = await Promise.all([Daemon.start({ dir: scratch.path("ours") }), startDockerd(scratch)]);
  await ours.busybox();
  // Their busybox is made of ours.
  const tar = join(ours.dir, "busybox.tar");
  await call(ours.socket, "POST", "/containers/create?name=source", { Image: "busybox" });
  const exported = await ours.docker(["export", "-o", tar, "source"]);
  assert.equal(exported.code, 0, exported.stderr);
  await call(ours.socket, "DELETE", "/containers/source");
  const env = "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  const made = await theirs.docker(["import", "-c", 'CMD ["sh"]', "-c", env, tar, "busybox:latest"]);
  assert.equal(made.code, 0, made.stderr);
});
after(async () => {
  await theirs?.[Symbol.asyncDispose]();
  await ours?.[Symbol.asyncDispose]();
  scratch?.[Symbol.dispose]();
});

type Json = Record<string, unknown>;

function call(
  socketPath: string,
  method: string,
  path: string,
  body?: unknown,
): Promise<{ status: number; json: Json }> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { "Content-Type": "application/json" };
    const sent = request({ socketPath, method, path: `/v1.51${path}`, headers }, (response) => {
      let text = "";
      response.on("data", (chunk) => {
        text += chunk;
      });
      response.on("end", () =>
        resolve({ status: response.statusCode!, json: /^[[{]/.test(text) ? JSON.parse(text) : {} }),
      );
    });
    sent.on("error", reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** Every leaf by its path; lists of objects by their index. Text that can never be equal is made so. */
function flatten(value: unknown, path = "", into = new Map<string, string>()): Map<string, string> {
  if (value === null || typeof value !== "object") {
    into.set(path, typeof value === "string" ? plain(value) : JSON.stringify(value));
    return into;
  }
  const entries = Object.entries(value);
  if (entries.length === 0) into.set(path, Array.isArray(value) ? "[]" : "{}");
  for (const [key, inner] of entries) flatten(inner, path === "" ? key : `${path}.${key}`, into);
  return into;
}

function plain(text: string): string {
  return text
    .replace(/\b[0-9a-f]{64}\b/g, "<id>")
    .replace(/^[0-9a-f]{12}$/, "<short id>")
    .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)/g, (time) =>
      time.startsWith("0001") ? time : "<time>",
    )
    .replace(/^\/.*\/containers\/<id>\//, "<folder>/");
}

function differences(mine: unknown, dockers: unknown): Record<string, [mine: string, dockers: string]> {
  const [a, b] = [flatten(mine), flatten(dockers)];
  const found: Record<string, [string, string]> = {};
  for (const key of new Set([...a.keys(), ...b.keys()])) {
    const [x, y] = [a.get(key) ?? "absent", b.get(key) ?? "absent"];
    if (x !== y) found[key] = [x, y];
  }
  return found;
}

/** Differences by path (a pattern) with their reason. */
type Explained = readonly [path: RegExp, why: string][];

const INSPECT: Explained = [
  [/^State\.Pid$/, "processes differ"],
  [/^Driver$/, "containerd's name for the same thing"],
  [/^GraphDriver\./, "the paths of the layers are the snapshotter's own"],
  [/^HostConfig\.Runtime$/, "our runtime is runt"],
  [/^NetworkSettings\.Sandbox(ID|Key)$/, "the runtime makes the namespace, no path to it is kept"],
  [/^NetworkSettings\.Networks\.\w+\.(NetworkID|EndpointID)$/, "none and host are no objects of their own with us"],
];

/** What is explained and was seen. */
const met = new Set<RegExp>();

function unexplained(found: Record<string, [string, string]>, explained: Explained): Record<string, [string, string]> {
  const left = Object.entries(found).filter(([path]) => {
    const why = explained.filter(([pattern]) => pattern.test(path));
    for (const [pattern] of why) met.add(pattern);
    return why.length === 0;
  });
  return Object.fromEntries(left);
}

/** An explanation of what is no difference any more is wrong. */
function allMet(explained: Explained): void {
  for (const [pattern, why] of explained) assert.ok(met.has(pattern), `${pattern} (${why}) is no difference any more`);
}

async function both(method: string, path: string, body?: unknown) {
  const [mine, dockers] = await Promise.all([
    call(ours.socket, method, path, body),
    call(theirs.socket, method, path, body),
  ]);
  return { mine, dockers };
}

const CONTAINERS: Record<string, object> = {
  plain: { Image: "busybox", HostConfig: { NetworkMode: "none" } },
  command: { Image: "busybox", Cmd: ["echo", "a b"], Entrypoint: ["env"], HostConfig: { NetworkMode: "none" } },
  host: { Image: "busybox", Tty: true, OpenStdin: true, HostConfig: { NetworkMode: "host" } },
  limits: {
    Image: "busybox",
    Env: ["A=b"],
    Labels: { l: "1" },
    WorkingDir: "/tmp",
    User: "1:2",
    StopSignal: "SIGUSR1",
    StopTimeout: 3,
    HostConfig: {
      NetworkMode: "none",
      Memory: 64 << 20,
      NanoCpus: 5e8,
      PidsLimit: 20,
      Ulimits: [{ Name: "nofile", Soft: 100, Hard: 200 }],
      CapAdd: ["NET_ADMIN"],
      CapDrop: ["MKNOD"],
      SecurityOpt: ["no-new-privileges"],
      ReadonlyRootfs: true,
      Init: false,
      ShmSize: 1 << 20,
      Sysctls: { "net.ipv4.ip_forward": "1" },
      ExtraHosts: ["x:1.2.3.4"],
      RestartPolicy: { Name: "on-failure", MaximumRetryCount: 3 },
    },
  },
  binds: {
    Image: "busybox",
    HostConfig: {
      NetworkMode: "none",
      Binds: ["/usr:/x:ro", "/opt:/y"],
      Mounts: [{ Type: "tmpfs", Target: "/t", TmpfsOptions: { SizeBytes: 4096 } }],
      Tmpfs: { "/u": "size=1m" },
    },
  },
  privileged: { Image: "busybox", HostConfig: { NetworkMode: "none", Privileged: true } },
};

for (const [name, body] of Object.entries(CONTAINERS)) {
  test(`inspect of a created container is dockerd's: ${name}`, async () => {
    const made = await both("POST", `/containers/create?name=g-${name}`, body);
    assert.deepEqual([made.mine.status, made.dockers.status], [201, 201], JSON.stringify(made));
    const { mine, dockers } = await both("GET", `/containers/g-${name}/json`);
    await both("DELETE", `/containers/g-${name}`);
    for (const { json } of [mine, dockers]) {
      // Their order is chance there.
      (json.Mounts as { Destination: string }[]).sort((a, b) => (a.Destination < b.Destination ? -1 : 1));
    }
    assert.deepEqual(unexplained(differences(mine.json, dockers.json), INSPECT), {});
    assert.deepEqual(Object.keys(mine.json), Object.keys(dockers.json));
  });
}

test("inspect, list and exec's inspect of a running and of an ended container are dockerd's", async () => {
  const body = {
    Image: "busybox",
    Cmd: ["sh", "-c", "trap 'exit 5' TERM; echo > /up; while :; do sleep 0.1; done"],
    HostConfig: { NetworkMode: "none" },
  };
  await both("POST", "/containers/create?name=life", body);
  await both("POST", "/containers/life/start");
  const running = await both("GET", "/containers/life/json");
  assert.deepEqual(unexplained(differences(running.mine.json, running.dockers.json), INSPECT), {});
  const lists = await both("GET", "/containers/json");
  const list = (from: Json) => ({ ...(from as unknown as Json[])[0], Created: 0, Status: "" });
  const listed = differences(list(lists.mine.json), list(lists.dockers.json));
  const NETWORK: Explained = [[/^NetworkSettings\.Networks\.\w+\.(NetworkID|EndpointID)$/, "as in inspect"]];
  assert.deepEqual(unexplained(listed, NETWORK), {});
  const exec = await both("POST", "/containers/life/exec", { Cmd: ["true"], Env: ["A=b"], User: "1" });
  const inspected = await Promise.all([
    call(ours.socket, "GET", `/exec/${exec.mine.json.Id}/json`),
    call(theirs.socket, "GET", `/exec/${exec.dockers.json.Id}/json`),
  ]);
  assert.deepEqual(differences(inspected[0].json, inspected[1].json), {});
  await settles(
    () => both("GET", "/containers/life/changes"),
    (seen) => assert.match(JSON.stringify(seen), /"\/up".*"\/up"/, "both have their handler"),
  );
  await both("POST", "/containers/life/stop?t=60");
  const ended = await both("GET", "/containers/life/json");
  assert.deepEqual(unexplained(differences(ended.mine.json, ended.dockers.json), INSPECT), {});
  assert.equal((ended.mine.json.State as Json).ExitCode, 5);
  await both("DELETE", "/containers/life");
  allMet(INSPECT);
});

test("volumes, networks, events, changes, top and prune answer as dockerd's", async () => {
  const volume = await both("POST", "/volumes/create", { Name: "gv", Labels: { a: "b" } });
  const VOLUME: Explained = [[/Mountpoint$/, "the roots differ"]];
  assert.deepEqual(unexplained(differences(volume.mine.json, volume.dockers.json), VOLUME), {});
  for (const path of ["/volumes/gv", "/volumes"]) {
    const { mine, dockers } = await both("GET", path);
    assert.deepEqual(unexplained(differences(mine.json, dockers.json), VOLUME), {}, path);
  }
  allMet(VOLUME);
  for (const name of ["host", "none"]) {
    const { mine, dockers } = await both("GET", `/networks/${name}`);
    assert.deepEqual(differences(mine.json, dockers.json), {}, name);
  }
  const begin = (Date.now() / 1000).toFixed(3);
  const body = {
    Image: "busybox",
    Cmd: ["sh", "-c", "echo x > /made; rm /etc/group; exec sleep 1000"],
    Labels: { l: "1" },
    HostConfig: { NetworkMode: "none", Binds: ["gv:/v"] },
  };
  await both("POST", "/containers/create?name=gone", body);
  await both("POST", "/containers/gone/start");
  const sorted = (list: unknown) =>
    JSON.stringify([...(list as { Path: string }[])].sort((a, b) => (a.Path < b.Path ? -1 : 1)));
  const changed = (seen: { mine: { json: Json }; dockers: { json: Json } }) => {
    assert.match(sorted(seen.mine.json), /"\/etc\/group"/);
    assert.equal(sorted(seen.mine.json), sorted(seen.dockers.json));
  };
  await settles(() => both("GET", "/containers/gone/changes"), changed);
  const top = await both("GET", "/containers/gone/top?ps_args=-o%20pid,comm");
  assert.deepEqual(top.mine.json.Titles, top.dockers.json.Titles);
  await both("POST", "/containers/gone/pause");
  await both("POST", "/containers/gone/unpause");
  await both("POST", "/containers/gone/rename?name=gone2");
  changed(await both("GET", "/containers/gone2/changes"));
  await both("POST", "/containers/gone2/kill");
  await both("POST", "/containers/gone2/wait");
  await both("DELETE", "/containers/gone2?v=1");
  await both("DELETE", "/volumes/gv");
  const told = async (socketPath: string) => {
    const end = (Date.now() / 1000 + 0.5).toFixed(3);
    const text = await new Promise<string>((resolve, reject) => {
      const sent = request({ socketPath, path: `/v1.51/events?since=${begin}&until=${end}` }, (response) => {
        let all = "";
        response.on("data", (chunk) => {
          all += chunk;
        });
        response.on("end", () => resolve(all));
      });
      sent.on("error", reject);
      sent.end();
    });
    const events = text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    // A pause of which containerd tells late dockerd tells twice.
    const once = new Set<string>();
    return events
      .filter(({ Type, Action }) => Type !== "container" || (!once.has(Action) && once.add(Action)))
      .map((event) => ({ ...event, time: 0, timeNano: 0 }));
  };
  const isContainers = ({ Type }: { Type: string }) => Type === "container";
  /** Networks are connected and volumes mounted in the course of things: when exactly is nobody's promise, and the networks' ids are their own. */
  const others = (
    events: { Type: string; Action: string; Actor: { ID: string; Attributes: Record<string, string> } }[],
  ) => {
    const id = events.find(isContainers)?.Actor.ID;
    return events
      .filter((event) => !isContainers(event))
      .map(({ Type, Action, Actor: { ID, Attributes } }) => {
        const known = Attributes.container === undefined ? {} : { container: Attributes.container === id };
        return { Type, Action, ID: Type === "network" ? "" : ID, Attributes: { ...Attributes, ...known } };
      })
      .map((event) => JSON.stringify(event, Object.keys({ ...event, ...event.Attributes }).sort()))
      .sort();
  };
  // the last ones may come after their answers
  const look = () => Promise.all([told(ours.socket), told(theirs.socket)]);
  const [mine, dockers] = await settles(look, ([mine, dockers]) => {
    const actions = (events: typeof mine) => events.filter(isContainers).map(({ Action }) => Action);
    assert.equal(actions(mine).at(-1), "destroy");
    assert.deepEqual(actions(mine), actions(dockers));
    assert.deepEqual(others(mine), others(dockers));
    assert.equal(others(mine).length, 5);
  });
  const EVENT: Explained = [[/\.execDuration$/, "seconds may differ by one"]];
  assert.deepEqual(unexplained(differences(mine.filter(isContainers), dockers.filter(isContainers)), EVENT), {});
});

test("system df: what a volume holds is counted as dockerd counts it", async () => {
  for (const Name of ["empty", "full"]) await both("POST", "/volumes/create", { Name });
  const script =
    "cd /v; echo 123 > a; ln a b; ln -s a c; mkdir d; dd if=/dev/zero of=d/e bs=1000 count=7; truncate -s 5000 f";
  const body = { Image: "busybox", Cmd: ["sh", "-c", script], HostConfig: { NetworkMode: "none", Binds: ["full:/v"] } };
  await both("POST", "/containers/create?name=fill", body);
  await both("POST", "/containers/fill/start");
  await both("POST", "/containers/fill/wait");
  const { mine, dockers } = await both("GET", "/system/df?type=volume");
  const sizes = ({ json }: { json: Json }) =>
    Object.fromEntries(
      (json.Volumes as { Name: string; UsageData: { Size: number; RefCount: number } }[])
        .filter(({ Name }) => ["empty", "full"].includes(Name))
        .map(({ Name, UsageData }) => [Name, UsageData]),
    );
  assert.deepEqual(sizes(mine), { empty: { Size: 0, RefCount: 0 }, full: { Size: 12_005, RefCount: 1 } });
  assert.deepEqual(sizes(mine), sizes(dockers));
  const all = await both("GET", "/system/df");
  const keys = ({ json }: { json: Json }) =>
    Object.fromEntries(
      ["Images", "Containers", "Volumes"].map((kind) => [
        kind,
        // Left out where it is 0; with snapshots the directories count, too.
        Object.keys((json[kind] as Json[])[0]!)
          .filter((key) => key !== "SizeRw")
          .sort(),
      ]),
    );
  const [own, real] = [keys(all.mine), keys(all.dockers)];
  assert.deepEqual(own, real);
  await both("DELETE", "/containers/fill");
  for (const name of ["empty", "full"]) await both("DELETE", `/volumes/${name}`);
});

test("info, version and stats have dockerd's fields, of the same kinds", async () => {
  const kinds = (value: unknown): unknown =>
    Array.isArray(value)
      ? "list"
      : typeof value === "object" && value !== null
        ? Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, kinds(inner)]))
        : value === null
          ? "null"
          : typeof value;
  const INFO: Explained = [
    [
      /^(Runtimes|DriverStatus|RegistryConfig|DefaultAddressPools|FirewallBackend|Swarm|Containerd|DiscoveredDevices)\b/,
      "what the two consist of differs",
    ],
    [/^(Warnings|GenericResources|CDISpecDirs|Plugins\.\w+)$/, "null where there are none"],
    [/^(BridgeNfIptables|BridgeNfIp6tables|KernelMemory|CPUSet|KernelMemoryTCP)$/, "left out where it says nothing"],
  ];
  const info = await both("GET", "/info");
  assert.deepEqual(unexplained(differences(kinds(info.mine.json), kinds(info.dockers.json)), INFO), {});
  const version = await both("GET", "/version");
  assert.deepEqual(differences(kinds(version.mine.json), kinds(version.dockers.json)), {});
  const body = { Image: "busybox", Cmd: ["sleep", "1000"], HostConfig: { NetworkMode: "none" } };
  await both("POST", "/containers/create?name=st", body);
  await both("POST", "/containers/st/start");
  const stats = await both("GET", "/containers/st/stats?stream=0&one-shot=1");
  await both("DELETE", "/containers/st?force=1");
  const STATS: Explained = [
    [/^(id|name)$/, "left out of one-shot answers there"],
    [/^(memory_stats\.stats|blkio_stats|networks)\b/, "what the kernel counts for either"],
  ];
  assert.deepEqual(unexplained(differences(kinds(stats.mine.json), kinds(stats.dockers.json)), STATS), {});
});

test("log options are taken and refused as by dockerd, and lines have the same beside them", async () => {
  const text = async (socketPath: string, path: string) =>
    new Promise<string>((resolve, reject) => {
      const sent = request({ socketPath, path: `/v1.51${path}` }, (response) => {
        let all = "";
        response.setEncoding("latin1").on("data", (chunk) => {
          all += chunk;
        });
        response.on("end", () => resolve(all));
      });
      sent.on("error", reject).end();
    });
  const Config = {
    ...{ labels: "l,none", "labels-regex": "^(m|n)", env: "A", "env-regex": "^Z" },
    ...{
      tag: '{{.Name}} {{.ImageName}} {{.Command}} {{index .ContainerLabels "l"}}',
      "max-size": "1m",
      mode: "blocking",
    },
  };
  for (const Type of ["json-file", "local"]) {
    const body = {
      Image: "busybox",
      Cmd: ["sh", "-c", "echo 'a b'; printf c"],
      Env: ["A=b c", "Z1=<&>", "B=no"],
      Labels: { l: "1", m: "ü*'()!~", o: "2" },
      HostConfig: { NetworkMode: "none", LogConfig: { Type, Config: Type === "local" ? { "max-file": "3" } : Config } },
    };
    const made = await both("POST", "/containers/create?name=lo", body);
    assert.deepEqual([made.mine.status, made.dockers.status], [201, 201], JSON.stringify(made));
    await both("POST", "/containers/lo/start");
    await both("POST", "/containers/lo/wait");
    const path = "/containers/lo/logs?stdout=1&details=1";
    const [mine, dockers] = await Promise.all([text(ours.socket, path), text(theirs.socket, path)]);
    assert.equal(mine, dockers);
    const { mine: own, dockers: real } = await both("GET", "/containers/lo/json");
    assert.deepEqual(
      unexplained(differences(own.json, real.json), [...INSPECT, [/^State\.(Started|Finished)At$/, "times"]]),
      {},
    );
    await both("DELETE", "/containers/lo");
  }
  const refused: [config: Record<string, string>, type?: string][] = [
    [{ nosuch: "1" }],
    [{ nosuch: "1" }, "local"],
    [{ labels: "l" }, "local"],
    [{ tag: "x" }, "local"],
    [{ mode: "fast" }],
    [{ "max-buffer-size": "1m" }],
    [{ "cache-disabled": "maybe" }],
    [{ tag: "x" }, "nosuch"],
  ];
  for (const [config, Type = "json-file"] of refused) {
    const body = { Image: "busybox", HostConfig: { LogConfig: { Type, Config: config } } };
    const { mine, dockers } = await both("POST", "/containers/create", body);
    assert.equal(mine.status, dockers.status, JSON.stringify([mine, dockers]));
    if (!config["cache-disabled"]) assert.equal(mine.json.message, dockers.json.message);
  }
});

test("refusals have dockerd's status and, where it is a sentence, its words", async () => {
  const requests: [method: string, path: string, body?: unknown, status?: number][] = [
    ["GET", "/containers/nosuch/json"],
    ["POST", "/containers/nosuch/start"],
    ["DELETE", "/containers/nosuch"],
    ["GET", "/images/nosuch/json"],
    ["GET", "/nosuch"],
    ["POST", "/containers/create", { Image: "nosuch" }],
    ["POST", "/containers/create?name=-bad", { Image: "busybox" }],
    ["POST", "/containers/create", { Image: "busybox", HostConfig: { Memory: 1 } }],
    ["POST", "/containers/create", { Image: "busybox", WorkingDir: "rel" }],
    ["POST", "/containers/create", { Image: "busybox", HostConfig: { NanoCpus: 1e15 } }],
    // dockerd answers 500, though it is the client's mistake.
    ["POST", "/containers/create", { Image: "busybox", HostConfig: { Binds: ["/a:b"] } }, 400],
    [
      "POST",
      "/containers/create",
      { Image: "busybox", HostConfig: { AutoRemove: true, RestartPolicy: { Name: "always" } } },
    ],
    ["GET", "/exec/nosuch/json"],
    ["POST", "/containers/nosuch/wait"],
  ];
  for (const [method, path, body, status] of requests) {
    const { mine, dockers } = await both(method, path, body);
    assert.equal(
      mine.status,
      status ?? dockers.status,
      `${method} ${path} ${JSON.stringify(body)}: ${JSON.stringify([mine, dockers])}`,
    );
    const [own, real] = [String(mine.json.message), String(dockers.json.message)];
    assert.ok(
      own.startsWith(real.split(/[:;]/)[0]!.slice(0, 40)) || real.includes(own.split(/[;(]/)[0]!.trim()),
      `${own} | ${real}`,
    );
  }
});

test("the image's inspect has dockerd's fields", async () => {
  const { mine, dockers } = await both("GET", "/images/busybox/json");
  const IMAGE: Explained = [
    [/^(Comment|Created|DockerVersion|Id|Size|RootFS\.Layers\.\d+)$/, "it was made in another way"],
    [/^GraphDriver\./, "the snapshotter's own"],
    [/^Descriptor\./, "as dockerd with containerd's store"],
  ];
  assert.deepEqual(unexplained(differences(mine.json, dockers.json), IMAGE), {});
  allMet(IMAGE);
});
