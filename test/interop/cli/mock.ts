// An engine that answers everything at once from a few fixed objects, and writes down what it is asked for.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, unknown>>;
  readonly body: unknown;
  readonly auth: unknown;
}

const ID = "1".repeat(64);
const SHA = `sha256:${"2".repeat(64)}`;
const CONTAINER = {
  Id: ID,
  Names: ["/one", "/two/alias"],
  Image: "busybox",
  ImageID: SHA,
  Command: "sh -c 'echo a long line of words'",
  Created: 1_600_000_000,
  Ports: [
    { IP: "0.0.0.0", PrivatePort: 80, PublicPort: 8080, Type: "tcp" },
    { PrivatePort: 53, Type: "udp" },
  ],
  SizeRw: 12_345,
  SizeRootFs: 2_345_678,
  Labels: { a: "b", "c.d": "e" },
  State: "running",
  Status: "Up 2 hours",
  HostConfig: { NetworkMode: "bridge" },
  NetworkSettings: { Networks: { bridge: {} } },
  Mounts: [
    {
      Type: "volume",
      Name: "data",
      Source: "/v",
      Destination: "/d",
      Driver: "local",
      Mode: "z",
      RW: true,
      Propagation: "",
    },
  ],
};
const IMAGE = {
  Id: SHA,
  RepoTags: ["busybox:latest", "busybox:1"],
  RepoDigests: [`busybox@sha256:${"3".repeat(64)}`],
  Created: 1_600_000_000,
  Size: 4_261_550,
  SharedSize: 1_000_000,
  Containers: 2,
  Labels: null,
  ParentId: "",
};
const VOLUME = {
  CreatedAt: "2024-01-02T03:04:05Z",
  Driver: "local",
  Labels: { a: "b" },
  Mountpoint: "/var/lib/x/data",
  Name: "data",
  Options: null,
  Scope: "local",
};
const NETWORK = {
  Name: "bridge",
  Id: "4".repeat(64),
  Created: "2024-01-02T03:04:05.678Z",
  Scope: "local",
  Driver: "bridge",
  EnableIPv4: true,
  EnableIPv6: false,
  IPAM: { Driver: "default", Options: null, Config: [] },
  Internal: false,
  Attachable: false,
  Ingress: false,
  ConfigFrom: { Network: "" },
  ConfigOnly: false,
  Containers: {},
  Options: {},
  Labels: { x: "y" },
};
const INSPECT = {
  Id: ID,
  Created: "2024-01-02T03:04:05.678Z",
  Name: "/one",
  State: { Status: "running", Running: true, Paused: false, Pid: 5, ExitCode: 0, StartedAt: "2024-01-02T03:04:05Z" },
  Image: SHA,
  Config: { Image: "busybox", Tty: false, OpenStdin: false, AttachStdout: true, Labels: {} },
  HostConfig: { NetworkMode: "bridge", LogConfig: { Type: "json-file", Config: {} } },
  NetworkSettings: {
    Ports: {
      "53/udp": null,
      "80/tcp": [
        { HostIp: "0.0.0.0", HostPort: "8080" },
        { HostIp: "::", HostPort: "8080" },
      ],
    },
  },
};
const STATS = {
  name: "/one",
  id: ID,
  read: "2024-01-02T03:04:05Z",
  pids_stats: { current: 3 },
  blkio_stats: {
    io_service_bytes_recursive: [
      { op: "read", value: 4096 },
      { op: "write", value: 8192 },
    ],
  },
  cpu_stats: { cpu_usage: { total_usage: 3e9, percpu_usage: [] }, system_cpu_usage: 20e9, online_cpus: 2 },
  precpu_stats: { cpu_usage: { total_usage: 2e9, percpu_usage: [] }, system_cpu_usage: 10e9, online_cpus: 2 },
  memory_stats: { usage: 10_000_000, limit: 100_000_000, stats: { inactive_file: 1_000_000 } },
  networks: { eth0: { rx_bytes: 1000, tx_bytes: 2000 } },
};
const INFO = {
  ID: "i",
  Containers: 3,
  ContainersRunning: 1,
  ContainersPaused: 0,
  ContainersStopped: 2,
  Images: 4,
  Debug: false,
  ExperimentalBuild: false,
  LiveRestoreEnabled: false,
  Name: "host",
  Driver: "overlay2",
  ServerVersion: "28.5.2",
  OSType: "linux",
  Architecture: "x86_64",
  NCPU: 2,
  MemTotal: 4e9,
  SecurityOptions: ["name=seccomp,profile=builtin"],
  IndexServerAddress: "https://index.docker.io/v1/",
  Plugins: { Volume: ["local"], Network: ["bridge"], Log: ["json-file"] },
  Swarm: { LocalNodeState: "inactive" },
  DockerRootDir: "/var/lib/docker",
  LoggingDriver: "json-file",
  CgroupDriver: "cgroupfs",
  CgroupVersion: "2",
  Runtimes: { runc: { path: "runc" } },
  DefaultRuntime: "runc",
  InitBinary: "docker-init",
  ContainerdCommit: { ID: "c1" },
  RuncCommit: { ID: "r1" },
  InitCommit: { ID: "i1" },
  KernelVersion: "6.1",
  OperatingSystem: "Debian",
};
const DF = {
  LayersSize: 5_000_000,
  Images: [IMAGE],
  Containers: [CONTAINER],
  Volumes: [{ ...VOLUME, UsageData: { Size: 1234, RefCount: 1 } }],
  BuildCache: [],
};
const HISTORY = [
  {
    Id: SHA,
    Created: 1_600_000_000,
    CreatedBy: '/bin/sh -c #(nop)  CMD ["sh"] and a rather long line that is cut',
    Size: 0,
    Tags: ["busybox:latest"],
    Comment: "c",
  },
  { Id: "<missing>", Created: 1_500_000_000, CreatedBy: "ADD x", Size: 4_261_550, Tags: null, Comment: "" },
];
const EVENT = {
  Type: "container",
  Action: "start",
  Actor: { ID, Attributes: { image: "busybox", name: "one" } },
  scope: "local",
  time: 1_700_000_005,
  timeNano: 1_700_000_005e9,
};
const FILE_STAT = { name: "x", size: 0, mode: 2147484141, mtime: "2024-01-02T03:04:05Z", linkTarget: "" };
/** One empty folder `x/`, as a tar. */
const TAR = folderTar("x/");

function folderTar(name: string): Buffer {
  const header = Buffer.alloc(512);
  const field = (at: number, text: string) => header.write(text, at, "latin1");
  field(0, name);
  field(100, "0000755\0");
  field(108, "0000000\0");
  field(116, "0000000\0");
  field(124, "00000000000\0");
  field(136, "14544000000\0");
  header.fill(32, 148, 156);
  field(156, "5");
  field(257, "ustar\x0000");
  const sum = header.reduce((all, byte) => all + byte, 0);
  field(148, `${sum.toString(8).padStart(6, "0")}\0 `);
  return Buffer.concat([header, Buffer.alloc(1024)]);
}

function frame(stream: 1 | 2, text: string): Buffer {
  const head = Buffer.alloc(8);
  head[0] = stream;
  head.writeUInt32BE(text.length, 4);
  return Buffer.concat([head, Buffer.from(text)]);
}

type Answer = [status: number, body: unknown] | ((response: ServerResponse) => void);
const RAW = "application/vnd.docker.multiplexed-stream";

/** By method and path, the first that fits. */
const ANSWERS: readonly (readonly [RegExp, Answer])[] = [
  [/_ping$/, [200, "OK"]],
  [
    /^GET \/version$/,
    [200, { Version: "28.5.2", ApiVersion: "1.51", MinAPIVersion: "1.24", Os: "linux", Arch: "amd64", Components: [] }],
  ],
  [/^GET \/info$/, [200, INFO]],
  [/^POST \/auth$/, [200, { Status: "Login Succeeded" }]],
  [/^GET \/containers\/json$/, [200, [CONTAINER]]],
  [/^POST \/containers\/create$/, [201, { Id: ID, Warnings: null }]],
  [/^POST \/containers\/[^/]+\/wait$/, [200, { StatusCode: 0 }]],
  [/^GET \/containers\/[^/]+\/json$/, [200, INSPECT]],
  [
    /^GET \/containers\/[^/]+\/top$/,
    [
      200,
      {
        Titles: ["PID", "CMD"],
        Processes: [
          ["1", "sh"],
          ["25", "sleep 5"],
        ],
      },
    ],
  ],
  [
    /^GET \/containers\/[^/]+\/changes$/,
    [
      200,
      [
        { Path: "/a", Kind: 1 },
        { Path: "/b", Kind: 0 },
        { Path: "/c", Kind: 2 },
      ],
    ],
  ],
  [/^GET \/containers\/[^/]+\/stats$/, [200, STATS]],
  [/^POST \/containers\/[^/]+\/update$/, [200, { Warnings: null }]],
  [/^POST \/commit$/, [201, { Id: SHA }]],
  [/^POST \/containers\/[^/]+\/exec$/, [201, { Id: "e1" }]],
  [/^POST \/exec\/e1\/start$/, [200, ""]],
  [/^GET \/exec\/e1\/json$/, [200, { ID: "e1", Running: false, ExitCode: 0, Pid: 9 }]],
  [/^GET \/containers\/[^/]+\/export$|^GET \/images\/get$/, (r) => r.end(TAR)],
  [
    /^(GET|HEAD) \/containers\/[^/]+\/archive$/,
    (r) =>
      r.setHeader("X-Docker-Container-Path-Stat", Buffer.from(JSON.stringify(FILE_STAT)).toString("base64")).end(TAR),
  ],
  [/^PUT \/containers\/[^/]+\/archive$/, [200, ""]],
  [
    /^GET \/containers\/[^/]+\/logs$/,
    (r) => r.setHeader("Content-Type", RAW).end(Buffer.concat([frame(1, "out\n"), frame(2, "err\n")])),
  ],
  [/^POST \/containers\/prune$/, [200, { ContainersDeleted: [ID], SpaceReclaimed: 12_345 }]],
  [/^GET \/images\/json$/, [200, [IMAGE]]],
  [
    /^GET \/images\/.*\/json$/,
    [200, { Id: SHA, RepoTags: IMAGE.RepoTags, Created: "2024-01-02T03:04:05Z", Config: {} }],
  ],
  [/^GET \/images\/.*\/history$/, [200, HISTORY]],
  [
    /^GET \/images\/search$/,
    [
      200,
      [
        {
          name: "busybox",
          description: "Busybox base image, which is small but has a long description.",
          star_count: 9,
          is_official: true,
          is_automated: false,
        },
      ],
    ],
  ],
  [
    /^POST \/images\/create$/,
    (r) =>
      r.end(
        `${JSON.stringify({ status: "Pulling from x", id: "latest" })}\n${JSON.stringify({ status: "Status: done" })}\n`,
      ),
  ],
  [/^POST \/images\/load$/, [200, { stream: "Loaded image: busybox:latest\n" }]],
  [/^POST \/images\/.*\/push$/, (r) => r.end(`${JSON.stringify({ status: "The push refers to repository [x]" })}\n`)],
  [/^POST \/images\/.*\/tag$/, [201, ""]],
  [/^POST \/images\/prune$/, [200, { ImagesDeleted: [{ Untagged: "a:b" }, { Deleted: SHA }], SpaceReclaimed: 5 }]],
  [/^DELETE \/images\//, [200, [{ Untagged: "busybox:latest" }, { Deleted: SHA }]]],
  [/^GET \/volumes$/, [200, { Volumes: [VOLUME], Warnings: null }]],
  [/^POST \/volumes\/create$/, [201, VOLUME]],
  [/^POST \/volumes\/prune$/, [200, { VolumesDeleted: ["v"], SpaceReclaimed: 0 }]],
  [/^GET \/volumes\//, [200, VOLUME]],
  [/^GET \/networks$/, [200, [NETWORK]]],
  [/^POST \/networks\/create$/, [201, { Id: NETWORK.Id, Warning: "" }]],
  [/^POST \/networks\/prune$/, [200, { NetworksDeleted: ["n"] }]],
  [/^POST \/networks\/[^/]+\/(dis)?connect$/, [200, ""]],
  [/^GET \/networks\//, [200, NETWORK]],
  [/^POST \/build\/prune$/, [200, { CachesDeleted: null, SpaceReclaimed: 0 }]],
  [/^GET \/events$/, [200, EVENT]],
  [/^GET \/system\/df$/, [200, DF]],
];

function decoded(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

export class MockEngine {
  readonly asked: Asked[] = [];
  readonly server: Server;

  constructor() {
    this.server = createServer((request, response) => this.#serve(request, response));
    this.server.on("upgrade", (request: IncomingMessage, socket: Duplex) => this.#hijack(request, socket));
  }

  listen(path: string): Promise<void> {
    return new Promise((resolve) => this.server.listen(path, resolve));
  }

  close(): void {
    this.server.closeAllConnections();
    this.server.close();
  }

  #note(request: IncomingMessage, body: string): string {
    const url = new URL(request.url!, "http://docker");
    const path = url.pathname.replace(/^\/v1\.\d+/, "");
    const names = [...new Set(url.searchParams.keys())];
    const query = Object.fromEntries(
      names.map((name) => [name, decoded(url.searchParams.getAll(name).sort().join(" "))]),
    );
    const header = request.headers["x-registry-auth"];
    const auth = header === undefined ? "" : decoded(Buffer.from(String(header), "base64").toString());
    this.asked.push({ method: request.method!, path, query, body: body === "" ? "" : decoded(body), auth });
    return `${request.method} ${path}`;
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const chunks: Buffer[] = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      const type = request.headers["content-type"] ?? "";
      const body = Buffer.concat(chunks);
      const name = this.#note(request, type.includes("json") ? body.toString() : body.length > 0 ? "an archive" : "");
      response.setHeader("Api-Version", "1.51");
      response.setHeader("Ostype", "linux");
      response.setHeader("Docker-Experimental", "false");
      const [, answer] = ANSWERS.find(([pattern]) => pattern.test(name)) ?? [undefined, undefined];
      if (typeof answer === "function") return void answer(response);
      const [status, value] = answer ?? [204, ""];
      response.statusCode = status;
      if (typeof value === "string") return response.end(value);
      response.setHeader("Content-Type", "application/json");
      return response.end(`${JSON.stringify(value)}\n`);
    });
  }

  /** A stream that says one word on each output and ends. */
  #hijack(request: IncomingMessage, socket: Duplex): void {
    let body = "";
    socket.on("error", () => undefined);
    request.on("data", (data: Buffer) => {
      body += data.toString();
    });
    request.on("end", () => {
      this.#note(request, body);
      socket.write(`HTTP/1.1 101 UPGRADED\r\nContent-Type: ${RAW}\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n`);
      const { pathname, searchParams } = new URL(request.url!, "http://docker");
      const wanted = (name: string) => pathname.includes("/exec/") || searchParams.has(name);
      const parts = [wanted("stdout") ? frame(1, "said\n") : "", wanted("stderr") ? frame(2, "complained\n") : ""];
      socket.end(Buffer.concat(parts.map((part) => Buffer.from(part))));
    });
  }
}
