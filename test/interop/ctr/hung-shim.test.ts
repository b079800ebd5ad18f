// A shim that never answers, when it is started or later: the client gives up, and nothing of the task is left.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { settles, until } from "../../support/until.ts";
import { BIN, build, Daemon } from "../e2e/daemon.ts";
import { Ctr } from "./ctr.ts";

const IMAGE = "docker.io/library/busybox:latest";
/** Arguments: a file that gets the id of the process that hangs, and where it is to listen; "" for one that does not get that far. */
const SHIM = `#!/usr/bin/env python3
import os, socket, sys, time
pid_file, path = PLACES
if sys.argv[-1] == "start":
    if path:
        server = socket.socket(socket.AF_UNIX)
        server.bind(path)
        server.listen()
        if os.fork():
            print("unix://" + path)
            sys.exit()
        os.setsid()
        for fd in range(3):
            os.dup2(os.open("/dev/null", os.O_RDWR), fd)
    with open(pid_file + ".new", "w") as file:
        file.write(str(os.getpid()))
    os.rename(pid_file + ".new", pid_file)
    time.sleep(100000)
if path and os.path.exists(pid_file):
    os.kill(int(open(pid_file).read()), 9)
`;
let daemon: Daemon;
let ctr: Ctr;

before(async () => {
  build();
  daemon = await Daemon.start();
  await daemon.busybox();
  ctr = new Ctr(daemon, { namespace: "moby", own: true });
});
after(async () => {
  await daemon[Symbol.asyncDispose]();
});

for (const [what, listens] of [
  ["that does not start", false],
  ["that starts and does not answer", true],
] as const) {
  test(`a shim ${what} is ended when its client goes`, async () => {
    const shim = join(daemon.dir, `shim-${listens}`);
    const places = [`${shim}.pid`, listens ? `${shim}.sock` : ""];
    writeFileSync(shim, SHIM.replace("PLACES", JSON.stringify(places)), { mode: 0o755 });
    const args = ["-a", join(daemon.state, "containerd.sock"), "-n", "moby", "run", "--null-io", "--runtime", shim];
    const client = spawn(join(BIN, "ctr"), [...args, IMAGE, "hung", "true"], { stdio: "ignore" });
    const pid = Number(await until("the shim", () => existsSync(places[0]!) && readFileSync(places[0]!, "utf8")));
    client.kill("SIGKILL");
    await once(client, "exit");
    await settles(
      () => [existsSync(`/proc/${pid}`), existsSync(join(daemon.state, "tasks/moby/hung"))],
      (there) => assert.deepEqual(there, [false, false]),
    );
    assert.doesNotMatch(await ctr.ok("tasks", "ls"), /hung/);
    await ctr.ok("containers", "rm", "hung");
  });
}
