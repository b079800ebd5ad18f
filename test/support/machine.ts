// What there is on this machine that a container program may leave behind: one function a kind, each a list of things by key.
import { spawnSync } from "node:child_process";
import { type Dirent, lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";

export interface Thing {
  kind:
    | "process"
    | "mount"
    | "cgroup"
    | "network namespace"
    | "network device"
    | "file"
    | "FIFO"
    | "socket"
    | "nftables table";
  /** Tells this thing from all others of its kind, also from a later one of the same name. */
  key: string;
  /** As shown to people. */
  name: string;
  /** Text in which the mark of the run that made it would stand. */
  traces: string;
  /** Where it is held by living processes: their ids. */
  pids?: number[];
  /** Of a file: the entry of the shared folder it is below, when that is not the file itself. */
  below?: string;
}

/** The value of `read`, or `otherwise` when what it looks at has just gone or is not ours to see. */
function glance<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (["ENOENT", "ESRCH", "EACCES", "ENOTDIR", "EINVAL", "EPERM", "ENODEV"].includes(code ?? "")) return otherwise;
    throw error;
  }
}

const list = (dir: string) => glance(() => readdirSync(dir), []);
const text = (file: string) => glance(() => readFileSync(file, "utf8"), "");
const pids = () => list("/proc").filter((name) => /^\d+$/.test(name));

/** A process that cleared its environment still shows its command, its cgroup, and its root's mounts. */
function processes(): Thing[] {
  const things: Thing[] = [];
  for (const pid of pids()) {
    const stat = text(`/proc/${pid}/stat`);
    const [state, ...fields] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (stat === "" || state === "Z") continue;
    const command = text(`/proc/${pid}/cmdline`).replaceAll("\0", " ").trim();
    const root =
      text(`/proc/${pid}/mountinfo`)
        .split("\n")
        .find((line) => line.split(" ")[4] === "/") ?? "";
    const traces = [text(`/proc/${pid}/environ`), command, text(`/proc/${pid}/cgroup`), root].join("\n");
    things.push({
      kind: "process",
      key: `${pid}@${fields[18]}`,
      name: `${pid} ${command}`,
      traces,
      pids: [Number(pid)],
    });
  }
  return things;
}

interface Mount {
  id: string;
  point: string;
  type: string;
  line: string;
}

/** The mounts of our own mount namespace; octal escapes of the mount point resolved. */
export function mountTable(): Mount[] {
  return text("/proc/self/mountinfo")
    .split("\n")
    .filter(Boolean)
    .map((line) => {
      const fields = line.split(" ");
      const point = fields[4]!.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)));
      return { id: fields[0]!, point, type: fields[fields.indexOf("-") + 1] ?? "", line };
    });
}

function mounts(): Thing[] {
  return mountTable().map(({ id, point, type, line }) => {
    return { kind: "mount", key: `${id} ${point}`, name: `${point} (${type})`, traces: line };
  });
}

const CGROUPS = "/sys/fs/cgroup";
/** In a folder that is shared: an entry that looks like ours. */
const LIKE_OURS = /^(wharf|runt|wt)/;

/**
 * Every group below the root of every hierarchy, version 1 and 2; and of what programs have made beside them as if the hierarchy were
 * there (podman, containerd), what looks like ours.
 */
function cgroups(): Thing[] {
  const things: Thing[] = [];
  const visit = (dir: string) => {
    for (const entry of glance(() => readdirSync(dir, { withFileTypes: true }), [] as Dirent[])) {
      if (!entry.isDirectory()) continue;
      const path = join(dir, entry.name);
      const inode = glance(() => lstatSync(path).ino, 0);
      const members = text(`${path}/cgroup.procs`).split("\n").filter(Boolean).map(Number);
      things.push({ kind: "cgroup", key: `${path} ${inode}`, name: path, traces: path, pids: members });
      visit(path);
    }
  };
  const points = new Set<string>();
  for (const { type, point } of mountTable()) {
    if (type !== "cgroup" && type !== "cgroup2") continue;
    points.add(point);
    visit(point);
  }
  if (points.has(CGROUPS)) return things;
  for (const folder of list(CGROUPS).map((name) => join(CGROUPS, name))) {
    if (points.has(folder)) continue;
    for (const name of list(folder).filter((name) => LIKE_OURS.test(name))) {
      const path = join(folder, name);
      const inode = glance(() => lstatSync(path).ino, 0);
      things.push({ kind: "cgroup", key: `${path} ${inode}`, name: path, traces: path, pids: [] });
      visit(path);
    }
  }
  return things;
}

/** Those with a name, and those that processes are in. A nameless one without a process ends by itself. */
function networkNamespaces(): Thing[] {
  const things: Thing[] = [];
  for (const dir of ["/run/netns", "/run/docker/netns"]) {
    for (const name of list(dir)) {
      const path = join(dir, name);
      things.push({ kind: "network namespace", key: path, name: path, traces: path });
    }
  }
  const members = new Map<string, number[]>();
  for (const pid of pids()) {
    const inode = glance(() => readlinkSync(`/proc/${pid}/ns/net`), "");
    if (inode === "" || text(`/proc/${pid}/cmdline`) === "") continue;
    members.set(inode, [...(members.get(inode) ?? []), Number(pid)]);
  }
  for (const [inode, holders] of members) {
    const traces = holders.map((pid) => text(`/proc/${pid}/environ`) + text(`/proc/${pid}/cmdline`)).join("\n");
    const name = `${inode} held by ${holders.join(", ")}`;
    things.push({ kind: "network namespace", key: inode, name, traces, pids: holders });
  }
  return things;
}

function networkDevices(): Thing[] {
  return list("/sys/class/net").map((name) => {
    const dir = `/sys/class/net/${name}`;
    const key = `${name} ${text(`${dir}/ifindex`).trim()}`;
    return { kind: "network device", key, name, traces: `${name} ${text(`${dir}/ifalias`)}` };
  });
}

/** Where container programs put sockets, FIFOs and state; of shared folders only the entries that look like ours. */
const PLACES = [
  { dir: "/run", entries: LIKE_OURS },
  { dir: "/tmp", entries: LIKE_OURS },
  { dir: "/var/lib", entries: LIKE_OURS },
  { dir: "/dev/shm", entries: /./ },
];
const DEPTH = 5;

function files(): Thing[] {
  const things: Thing[] = [];
  const visit = (path: string, depth: number, top: string) => {
    const status = glance(() => lstatSync(path), undefined);
    if (!status) return;
    const kind = status.isFIFO() ? "FIFO" : status.isSocket() ? "socket" : "file";
    const thing: Thing = { kind, key: `${path} ${status.ino}`, name: path, traces: path };
    if (path !== top) thing.below = top;
    things.push(thing);
    if (status.isDirectory() && depth > 0) for (const name of list(path)) visit(join(path, name), depth - 1, top);
  };
  for (const { dir, entries } of PLACES)
    for (const name of list(dir)) if (entries.test(name)) visit(join(dir, name), DEPTH, join(dir, name));
  return things;
}

/** A table's text is part of its key, without what counts packets, so that a rule left in a table of others is seen too. */
function tables(): Thing[] {
  const { stdout, status } = spawnSync("nft", ["list", "ruleset"], { encoding: "utf8" });
  if (status !== 0 || !stdout) return [];
  return stdout
    .split(/^(?=table )/m)
    .filter((table) => table.startsWith("table "))
    .map((table) => {
      const rules = table.replace(/counter packets \d+ bytes \d+/g, "counter").trim();
      return { kind: "nftables table", key: rules, name: table.slice(6, table.indexOf("{")).trim(), traces: rules };
    });
}

/** All there is now, of every kind. */
export function survey(): Thing[] {
  return [
    ...processes(),
    ...mounts(),
    ...cgroups(),
    ...networkNamespaces(),
    ...networkDevices(),
    ...files(),
    ...tables(),
  ];
}
