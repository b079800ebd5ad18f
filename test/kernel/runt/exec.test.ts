// exec: another process in a running container; terminals.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { closeSync, openSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { until } from "../../support/until.ts";
import { Bundle, CAPABILITIES } from "./bundle.ts";

test("exec shares everything with the container, and passes on output and exit code", () => {
  using box = new Bundle();
  box.sleeping();
  const { out, status } = box.exec(
    "hostname; ps | grep -c '[0-9] *sleep 1000$'; grep CapEff /proc/self/status; cat /proc/self/cgroup; exit 9",
  );
  assert.equal(status, 9);
  assert.match(out, /^box\n1\nCapEff:\s+0000000020000420\n/);
  assert.match(out, new RegExp(`(:pids:|^0::)/${box.id}\n`, "m"));
  const { pid } = JSON.parse(box.runt("state", box.id).out);
  const namespaces = ["mnt", "net", "ipc", "uts", "pid"];
  const seen = box
    .exec(namespaces.map((name) => `readlink /proc/self/ns/${name}`).join(";"))
    .out.trim()
    .split("\n");
  assert.deepEqual(
    seen,
    namespaces.map((name) => readlinkSync(`/proc/${pid}/ns/${name}`)),
  );
});

test("exec: --user, --cwd, --env, --cap, --no-new-privs, --additional-gids", () => {
  using box = new Bundle();
  box.sleeping();
  const flags = [
    "--user",
    "7:8",
    "--cwd",
    "/tmp",
    "--env",
    "A=b",
    "-e",
    "C=d",
    "--cap",
    "CAP_CHOWN",
    "--no-new-privs",
    "-g",
    "55",
  ];
  const script = "id -u; id -G; pwd; echo $A$C; grep -E 'CapBnd|NoNew' /proc/self/status";
  const { out } = box.runt("exec", ...flags, box.id, "sh", "-c", script);
  assert.match(out, /^7\n8 55\n\/tmp\nbd\nCapBnd:\s+0000000020000421\nNoNewPrivs:\s+1\n$/);
});

test("exec: a working folder that is not there is an error, and is not made", () => {
  using box = new Bundle();
  box.sleeping();
  const { status, err } = box.runt("exec", "--cwd", "/not/there", box.id, "pwd");
  assert.notEqual(status, 0);
  assert.match(err, /process\.cwd.*"\/not\/there".*ENOENT/);
  assert.equal(box.exec("ls -d /not").status, 1);
});

test("a user or group that the kernel would take for 'as it is' is refused, by exec and by run", () => {
  using box = new Bundle();
  box.sleeping();
  for (const user of ["4294967295", "0:4294967295", "4294967296", "99999999999"]) {
    const { status, out, err } = box.runt("exec", "--user", user, box.id, "id", "-u");
    assert.deepEqual([status, out], [255, ""], user);
    assert.match(err, /process\.user\.[ug]id: expected a whole number from 0 to 4294967294/);
  }
  assert.match(
    box.runt("exec", "-g", "4294967295", box.id, "id").err,
    /process\.user\.additionalGids\[0\]: expected a whole/,
  );
  using other = new Bundle((spec) => void (spec.process!.user = { uid: 4294967295, gid: 0 }));
  assert.match(other.runt("run", other.id).err, /config\.json: process\.user\.uid: expected a whole number/);
});

test("exec --process takes all from a file, --detach and --pid-file leave it running", async () => {
  using box = new Bundle();
  box.sleeping();
  const file = join(box.dir, "process.json");
  const process = {
    user: { uid: 3, gid: 3 },
    args: ["sleep", "77"],
    cwd: "/tmp",
    env: ["PATH=/bin"],
    capabilities: { bounding: CAPABILITIES },
  };
  writeFileSync(file, JSON.stringify(process));
  box.ok("exec", "--process", file, "--detach", "--pid-file", join(box.dir, "pid"), box.id);
  const pid = Number(readFileSync(join(box.dir, "pid"), "utf8"));
  assert.equal(readFileSync(`/proc/${pid}/cmdline`, "utf8"), "sleep\x0077\0");
  assert.match(readFileSync(`/proc/${pid}/status`, "utf8"), /^Uid:\t3\t3\t3\t3$/m);
  assert.match(box.runt("ps", box.id).out, /^UID +PID .* CMD\nroot .* sleep 1000\n\S+ .* sleep 77\n$/);
});

test("exec: a program that is not there, no container, a stopped one: 255 and why", async () => {
  using box = new Bundle();
  assert.equal(box.exec("true").status, 255);
  box.sleeping();
  const missing = box.runt("exec", box.id, "nosuch");
  assert.equal(missing.status, 255);
  assert.match(missing.err, /exec: "nosuch": executable file not found in \$PATH/);
  box.ok("kill", box.id, "KILL");
  await until("stopped", () => box.status() === "stopped");
  assert.match(box.exec("true").err, /cannot exec in a stopped container/);
});

test("a terminal in the foreground: the program has one of its own, of our size, and what it writes arrives", () => {
  using box = new Bundle((spec) => {
    spec.process!.terminal = true;
    spec.process!.args = ["sh", "-c", "tty; stty size; echo $((6*7)); ls -l /dev/console"];
  });
  const command = `stty rows 33 cols 99; ${box.runtime} --root ${box.state} run ${box.id}`;
  // an input without an end: at its end script(1) would type a control character
  const input = join(box.dir, "input");
  execFileSync("mkfifo", [input]);
  const stdin = openSync(input, "r+");
  const { stdout } = spawnSync("script", ["-qec", command, "/dev/null"], {
    cwd: box.dir,
    encoding: "utf8",
    stdio: [stdin, "pipe", "pipe"],
  });
  closeSync(stdin);
  assert.match(stdout, /\/dev\/pts\/0\r\n33 99\r\n42\r\ncrw/);
  const plain = spawnSync(box.runtime, ["--root", box.state, "create", box.id], { cwd: box.dir, encoding: "utf8" });
  assert.equal(plain.status, 1);
  assert.match(plain.stderr, /process\.terminal is set, but nobody takes the terminal/);
});

test("exec --tty, with input from ours", () => {
  using box = new Bundle();
  box.sleeping();
  const command = `${box.runtime} --root ${box.state} exec -t ${box.id} sh -c 'read x; echo got-$x; tty; exit 5'`;
  const { stdout, status } = spawnSync("script", ["-qec", command, "/dev/null"], {
    encoding: "utf8",
    input: "hello\n",
  });
  assert.match(stdout, /got-hello\r\n\/dev\/pts\/\d+\r\n/);
  assert.equal(status, 5);
});

test("--console-socket gets the master", async () => {
  using box = new Bundle((spec) => {
    spec.process!.terminal = true;
    spec.process!.args = ["sleep", "1000"];
  });
  const path = join(box.dir, "console");
  let said = "";
  const server = createServer((socket) => {
    socket.on("data", (data) => {
      said += data;
    });
    socket.on("error", () => {});
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  try {
    const child = box.spawn("create", "--console-socket", path, box.id);
    child.stdin.end();
    assert.equal(await new Promise((resolve) => child.on("exit", resolve)), 0);
    await until("a message", () => said !== "");
    assert.equal(said, "/dev/ptmx");
    box.ok("start", box.id);
    const { pid } = JSON.parse(box.runt("state", box.id).out);
    assert.match(readlinkSync(`/proc/${pid}/fd/0`), /^(\/dev\/pts)?\/0/);
  } finally {
    server.close();
  }
});
