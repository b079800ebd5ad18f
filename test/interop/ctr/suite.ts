// What people do with ctr, from version to a container that is gone: with the original and with ours, on our daemon and on a real containerd.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { chmodSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { removeCgroups } from "../../support/cgroups.ts";
import { settles } from "../../support/until.ts";
import { execute } from "../cli/program.ts";
import { build, Daemon, until } from "../e2e/daemon.ts";
import { buildImage, type RegistryProcess, scratch, skopeoPush, startRegistry } from "../registry/support.ts";
import { RealContainerd } from "./containerd.ts";
import { Ctr, PEERS } from "./ctr.ts";

export interface Pairing {
  client: "real ctr" | "our ctr";
  server: "our daemon" | "real containerd";
}

/** The tests of one pairing. */
export function ctrSuite({ client, server }: Pairing): void {
  let daemon: Daemon;
  let containerd: RealContainerd | undefined;
  let registry: RegistryProcess;
  let ctr: Ctr;
  let image: string;
  const own = client === "our ctr";
  const ours = server === "our daemon";
  const inNamespace = (namespace: string) => new Ctr(containerd ?? daemon, { namespace, own });

  before(async () => {
    build();
    daemon = await Daemon.start();
    registry = await startRegistry();
    await daemon.busybox();
    image = `127.0.0.1:${registry.port}/lab/httpd:1`;
    // our daemon has the image to begin with
    const moby = new Ctr(daemon, { namespace: "moby", own });
    const pushed = await moby.ok("images", "push", "--plain-http", image, "docker.io/library/busybox:latest");
    assert.match(pushed, /Completed push to OCI Registry/);
    if (!ours) containerd = await RealContainerd.start(daemon.dir);
    ctr = inNamespace("default");
  });

  after(async () => {
    const { stdout = "" } = (await ctr?.run(["containers", "ls", "-q"])) ?? {};
    for (const name of stdout.split("\n").filter(Boolean)) {
      await ctr.run(["tasks", "rm", "-f", name]);
      await ctr.run(["containers", "rm", name]);
    }
    await containerd?.[Symbol.asyncDispose]();
    await registry?.[Symbol.asyncDispose]();
    await daemon?.[Symbol.asyncDispose]();
    // ctr names a container's group by its namespace
    removeCgroups("default");
  });

  test("version, plugins and namespaces", async () => {
    const version = ours
      ? /Server:\n +Version: +v2\.1\.\d+\+wharf[\s\S]*UUID: [0-9a-f-]{36}/
      : /Server:\n +Version: +v?2\.1/;
    assert.match(await ctr.ok("version"), version);
    assert.match(await ctr.ok("plugins", "ls"), /io\.containerd\.snapshotter\.v1 +overlayfs +linux\/\w+ +ok/);
    await ctr.ok("namespaces", "create", "blue", "color=blue");
    assert.match(await ctr.ok("namespaces", "ls"), /^blue +color=blue/m);
    await ctr.ok("namespaces", "rm", "blue");
    assert.doesNotMatch(await ctr.ok("namespaces", "ls"), /blue/);
  });

  test("an image is pushed, pulled, listed, checked, read and labelled", async () => {
    const told = await ctr.ok("images", "pull", "--plain-http", image);
    // containerd tells nothing after its last word where the pull took it long
    if (ours) assert.match(told, /Completed pull from OCI Registry/);
    assert.match(await ctr.ok("images", "ls"), new RegExp(`^${image} +application/vnd\\.oci\\.image\\.manifest`, "m"));
    assert.match(await ctr.ok("images", "check"), /complete \((\d+)\/\1\).* true/);
    await ctr.ok("images", "label", image, "a=b");
    assert.match(await ctr.ok("images", "ls", `name==${image}`), / a=b/);
    const digest = /sha256:[0-9a-f]{64}/.exec(await ctr.ok("images", "ls"))![0];
    assert.match(await ctr.ok("content", "ls"), new RegExp(digest));
    assert.equal((JSON.parse(await ctr.ok("content", "get", digest)) as { schemaVersion: number }).schemaVersion, 2);
    await ctr.ok("content", "label", digest, "k=v");
    assert.match(await ctr.ok("content", "ls", "labels.k==v"), new RegExp(`${digest}.*k=v`));
    assert.match(await ctr.ok("snapshots", "ls"), /^sha256:\w{64} +Committed/m);
    assert.match(await ctr.ok("snapshots", "usage"), /^sha256:\w{64} [\d.]+ [KM]iB +\d+/m);
    assert.match(await ctr.fails("images", "pull", "--plain-http", `${image}0`), /MANIFEST_UNKNOWN|not found/);
    assert.doesNotMatch(await inNamespace("other").ok("images", "ls"), /httpd/);
  });

  test("all reasons that a registry gives are told, as details of the error", async () => {
    const errors = [
      { code: "DENIED", message: "not for you" },
      { code: "UNSUPPORTED", message: "nor for others" },
    ];
    await using refusing = await refusal(JSON.stringify({ errors }));
    const said = await ctr.fails("images", "pull", "--plain-http", `127.0.0.1:${refusing.port}/some/thing:1`);
    // Go's clients show the details below the message, which has them as well.
    for (const { message } of errors) assert.equal(said.split(message).length - 1, own ? 1 : 2, said);
  });

  test("what is pulled tells where it lies, and layers what they are when unpacked", async () => {
    const list = await ctr.ok("content", "ls");
    const sources = list.match(/containerd\.io\/distribution\.source\.127\.0\.0\.1=lab\/httpd/g);
    // the manifest, the config, the layer
    assert.equal(sources?.length, 3, list);
    const digest = /sha256:[0-9a-f]{64}/.exec(await ctr.ok("images", "ls"))![0];
    const manifest = JSON.parse(await ctr.ok("content", "get", digest)) as {
      config: { digest: string };
      layers: { digest: string }[];
    };
    const config = JSON.parse(await ctr.ok("content", "get", manifest.config.digest)) as {
      rootfs: { diff_ids: string[] };
    };
    const layer = list.split("\n").find((line) => line.startsWith(manifest.layers[0]!.digest));
    assert.match(layer ?? "", new RegExp(`containerd\\.io/uncompressed=${config.rootfs.diff_ids[0]}`));
  });

  test("a container runs on plain copies, and what it changes is told", async () => {
    const native = ["--snapshotter", "native"];
    const script = "echo new >/fresh; rm /bin/busybox; mkdir /d";
    await ctr.ok("run", "--fifo-dir", ctr.fifos, ...native, image, "copied", "/bin/sh", "-c", script);
    const list = await ctr.ok("snapshots", ...native, "ls");
    assert.match(list, /^sha256:\w{64} +Committed/m);
    assert.match(list, /^copied +sha256:\w{64} +Active/m);
    assert.doesNotMatch(await ctr.ok("snapshots", "ls"), /^copied/m);
    assert.match(await ctr.ok("snapshots", ...native, "mounts", "/x", "copied"), /^mount -t bind \S+ \/x -o rbind,rw/m);
    const type = ["--media-type", "application/vnd.oci.image.layer.v1.tar"];
    const tar = await ctr.ok("snapshots", ...native, "diff", ...type, "copied");
    for (const name of ["fresh", "d/", "bin/.wh.busybox"]) assert.ok(tar.includes(`${name}\0`), name);
    assert.equal(
      await ctr.ok("run", "--rm", "--fifo-dir", ctr.fifos, ...native, image, "other", "ls", "/bin/busybox"),
      "/bin/busybox\n",
    );
    await ctr.ok("containers", "rm", "copied");
    assert.doesNotMatch(await ctr.ok("snapshots", ...native, "ls"), /copied/);
  });

  test("an image of many layers runs, with users of its own", async () => {
    await using directory = await scratch();
    const passwd = "root:x:0:0::/:/bin/sh\nlayered:x:1234:1234::/:/bin/sh\n";
    const layers = [{ files: { "bin/sh": readFileSync("/bin/busybox"), "etc/passwd": passwd } }];
    // Their names are longer than a call for mounts takes.
    const further = Array.from({ length: 40 }, (_, at) => ({ files: { [`layer/${at}`]: "" } }));
    const name = `127.0.0.1:${registry.port}/lab/layers:1`;
    await skopeoPush(await buildImage(directory.path, [...layers, ...further]), name);
    await ctr.ok("images", "pull", "--plain-http", name);
    const script = [
      "/bin/sh",
      "-c",
      "cd /layer; set -- *; while read -r key id _; do [ $key = Uid: ] && echo $# $id; done < /proc/self/status; true",
    ];
    const run = ["run", "--rm", "--fifo-dir", ctr.fifos, "--user", "layered"];
    assert.match(await ctr.ok(...run, name, "layered", ...script), /^40 1234$/m);
  });

  test("a container in a user namespace has its image's files as its own, and no copy of them", async () => {
    const maps = ["--uidmap", "0:100000:65536", "--gidmap", "0:100000:65536", "--remap-labels"];
    // The container's root is nobody to the host, and has to get to its files.
    for (let dir = containerd?.dir ?? daemon.dir; dir !== tmpdir() && dir.startsWith("/tmp/"); dir = dirname(dir))
      chmodSync(dir, 0o711);
    chmodSync(tmpdir(), 0o711);
    const before = (await ctr.ok("snapshots", "ls")).split("\n").length;
    const script = "stat -c '%u:%g' /bin/busybox /; touch /new; stat -c '%u:%g' /new; cat /proc/self/uid_map";
    // On a real containerd the first one's shim is runc's.
    for (const runtime of ["io.containerd.runc.v2", "io.containerd.runt.v2"]) {
      const run = ["run", "--rm", "--fifo-dir", ctr.fifos, "--runtime", runtime, ...maps];
      const told = await ctr.ok(...run, image, "mapped", "sh", "-c", script);
      assert.deepEqual(told.trim().split(/\s+/), ["0:0", "0:0", "0:0", "0", "100000", "65536"], runtime);
    }
    assert.equal((await ctr.ok("snapshots", "ls")).split("\n").length, before);
    // Views are mounted the same way.
    assert.match(await ctr.ok("plugins", "ls", "-d", "id==overlayfs"), /remap-ids/);
  });

  test("content and leases are made and dropped", async () => {
    const data = "x".repeat(3_000_000);
    const digest = `sha256:${createHash("sha256").update(data).digest("hex")}`;
    // Nothing refers to it: a collection that the image's pull has left due may be faster than we are.
    await until("the content", async () => {
      const { code, stderr } = await ctr.run(["content", "ingest", "mine", "-"], { input: data });
      assert.equal(code, 0, stderr);
      return (await ctr.run(["content", "get", digest])).stdout === data;
    });
    await ctr.run(["content", "rm", digest]);
    assert.match(await ctr.fails("content", "get", digest), /not found/);
    const lease = (await ctr.ok("leases", "create", "--id", "keep")).trim();
    assert.match(await ctr.ok("leases", "ls"), new RegExp(`^${lease} `, "m"));
    await ctr.ok("leases", "rm", lease);
  });

  test("an image is tagged, exported, removed, imported and run", async () => {
    const other = "lab.example/other:2";
    const file = join(daemon.dir, "out.tar");
    await ctr.ok("images", "tag", image, other);
    await ctr.ok("images", "export", file, other);
    const skopeo = await execute([PEERS, "enter", "--bind", daemon.dir, "skopeo", "inspect", `oci-archive:${file}`]);
    assert.match(skopeo.stdout, /"Architecture"/, skopeo.stderr);
    await ctr.ok("images", "rm", "--sync", other);
    assert.doesNotMatch(await ctr.ok("images", "ls", "-q"), /lab\.example/);
    await ctr.ok("images", "import", file);
    assert.match(await ctr.ok("images", "ls", "-q"), /^lab\.example\/other:2$/m);
    assert.equal(await ctr.ok("run", "--rm", "--fifo-dir", ctr.fifos, other, "imp", "echo", "imported"), "imported\n");
  });

  test("run answers with the program's output and status, for both names of the runtime", async () => {
    const run = ["run", "--rm", "--fifo-dir", ctr.fifos];
    assert.equal(await ctr.ok(...run, image, "one", "echo", "hello"), "hello\n");
    assert.equal(await ctr.ok(...run, "--runtime", "io.containerd.runt.v2", image, "two", "echo", "there"), "there\n");
    assert.equal((await ctr.run([...run, image, "three", "sh", "-c", "exit 7"])).code, 7);
    assert.match(await ctr.fails(...run, image, "four", "/no/such"), /no\/such/);
    assert.match(await ctr.fails(...run, "--runtime", "io.containerd.nope.v2", image, "five", "true"), /nope/);
    assert.equal(await ctr.ok("containers", "ls", "-q"), "");
  });

  test("the life of a detached container", async () => {
    const name = "web";
    const exec = (...args: string[]) =>
      ctr.run([
        "tasks",
        "exec",
        "--fifo-dir",
        ctr.fifos,
        "--exec-id",
        `e${Math.random()}`.replace(".", ""),
        name,
        ...args,
      ]);
    await ctr.ok("run", "-d", "--fifo-dir", ctr.fifos, image, name, "httpd", "-f", "-h", "/etc");
    assert.match(await ctr.ok("containers", "ls"), /^web +127.* io\.containerd\.runc\.v2/m);
    assert.match(await ctr.ok("tasks", "ls"), /^web +\d+ +RUNNING/m);
    assert.equal((JSON.parse(await ctr.ok("containers", "info", name)) as { Image: string }).Image, image);
    await until("the web server", async () => (await exec("wget", "-qO-", "http://127.0.0.1/passwd")).code === 0);
    assert.match((await exec("wget", "-qO-", "http://127.0.0.1/passwd")).stdout, /^root:/);
    assert.equal((await exec("sh", "-c", "exit 5")).code, 5);
    assert.match(await ctr.ok("tasks", "ps", name), /^\d+ +-/m);
    assert.match(await ctr.ok("tasks", "metrics", name), /pids\.current +\d/);
    await ctr.ok("tasks", "pause", name);
    assert.match(await ctr.ok("tasks", "ls"), /^web +\d+ +PAUSED/m);
    await ctr.ok("tasks", "resume", name);
    assert.match(await ctr.fails("containers", "rm", name), /web/);
    await ctr.ok("tasks", "kill", "-s", "SIGKILL", name);
    await until("the end", async () => /^web +\d+ +STOPPED/m.test(await ctr.ok("tasks", "ls")));
    assert.match((await ctr.run(["tasks", "delete", name])).stderr, /137/);
    await ctr.ok("containers", "delete", name);
    assert.match(await ctr.fails("containers", "info", name), /not found/);
    assert.doesNotMatch(await ctr.ok("snapshots", "ls"), /^web /m);
  });

  test("who attaches to what has ended is told its status", async () => {
    await ctr.ok("run", "-d", "--fifo-dir", ctr.fifos, image, "ended", "sh", "-c", "exit 9");
    await until("the end", async () => /^ended +\d+ +STOPPED/m.test(await ctr.ok("tasks", "ls")));
    const { code, stderr } = await ctr.run(["tasks", "attach", "ended"], { timeoutMs: 60_000 });
    assert.equal(code, 9, stderr);
    assert.doesNotMatch(await ctr.ok("tasks", "ls"), /^ended /m);
    await ctr.ok("containers", "delete", "ended");
  });

  test("a terminal is one, of the size that it has here", async () => {
    // It is told once the program runs, which may look before.
    const script = "tty; until [ \"$(stty size)\" = '24 80' ]; do sleep 0.1; done; exit 3";
    const args = ["run", "--rm", "-t", "--fifo-dir", ctr.fifos, image, "term", "sh", "-c", script];
    const typed = await ctr.terminal([], args);
    assert.match(typed.output, /\/dev\/pts\/\d/);
    assert.equal(typed.code, 3);
  });

  test("events tell what happens, with containerd's topics", async () => {
    let output = "";
    let end: (() => void) | undefined;
    const listening = ctr
      .run(["events"], {
        started: (child) => {
          child.stdout!.on("data", (data: Buffer) => {
            output += data.toString();
          });
          end = () => child.kill("SIGTERM");
        },
      })
      .catch(() => undefined);
    await until("the subscription", async () => {
      await ctr.ok("namespaces", "label", "default", "t=1");
      return output.includes("/namespaces/update");
    });
    // the shim of containerd's runc may be told to end before it has told of the deletion; ours ends when it has
    const runtime = ours ? [] : ["--runtime", "io.containerd.runt.v2"];
    await ctr.ok("run", "--rm", ...runtime, "--fifo-dir", ctr.fifos, image, "seen", "true");
    const life = ["/containers/create", "/tasks/create", "/tasks/start", "/tasks/exit", "/tasks/delete"];
    life.push("/containers/delete");
    await settles(
      () => output,
      (text) => assert.deepEqual([life.filter((topic) => !text.includes(topic)), text], [[], text]),
    );
    end!();
    await listening;
    const topics = output
      .split("\n")
      .map((line) => / (\/(?:tasks|containers)\/\S+) /.exec(line)?.[1])
      .filter((topic) => topic !== undefined);
    // containerd hands a task's events on from its shim, which may come after its own
    if (ours) assert.deepEqual(topics, life);
    else assert.deepEqual(topics.toSorted(), life.toSorted());
  });

  test("a runtime tells what it is", async () => {
    assert.match(await ctr.ok("info"), /"uuid"/);
    const runtime = ["plugins", "inspect-runtime", "--runtime", "io.containerd.runt.v2"];
    const info = JSON.parse(await ctr.ok(...runtime)) as { Name: string; Features: { mountOptions: string[] } };
    assert.equal(info.Name, "io.containerd.runt.v2");
    assert.ok(info.Features.mountOptions.includes("rro"));
  });

  test("sandboxes are listed", async () => {
    assert.match(await ctr.ok("sandboxes", "ls"), /^ID\s+CREATED\s+RUNTIME/);
  });
}

/** A registry that knows of every manifest and gives none: 403, with this body. */
async function refusal(body: string): Promise<AsyncDisposable & { port: number }> {
  const known = {
    "content-type": "application/vnd.oci.image.manifest.v1+json",
    "content-length": "100",
    "docker-content-digest": `sha256:${"0".repeat(64)}`,
  };
  const server = createServer(({ method }, response) => {
    if (method === "HEAD") response.writeHead(200, known).end();
    else response.writeHead(403, { "content-type": "application/json" }).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
