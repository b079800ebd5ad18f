// linux.seccomp where the kernel meets it: what a program sees, and what a listener gets.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import type { ContainerProcessState, LinuxSeccomp, Spec } from "../../../src/common/oci/runtime.ts";
import { until } from "../../support/until.ts";
import { Bundle } from "./bundle.ts";

/**
 * A seccomp agent: for each connection it prints what it was sent, then answers every notification with the errno given
 * (struct seccomp_notif, 80 bytes: id at 0; struct seccomp_notif_resp, 24: id, value, error, flags).
 */
const AGENT = `
import fcntl, os, socket, struct, sys, threading
listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
listener.bind(sys.argv[1])
listener.listen()
def answer(fd):
    while True:
        request = bytearray(80)
        try:
            fcntl.ioctl(fd, 0xc0502100, request)
            id, = struct.unpack_from("Q", request)
            fcntl.ioctl(fd, 0xc0182101, struct.pack("QqiI", id, 0, -int(sys.argv[2]), 0))
        except OSError:
            return
while True:
    connection, _ = listener.accept()
    data, fds, _, _ = socket.recv_fds(connection, 65536, 4)
    rest = connection.recv(1)
    print(data.decode(), len(fds), len(rest), flush=True)
    for fd in fds:
        threading.Thread(target=answer, args=(fd,), daemon=True).start()
`;

class Agent implements AsyncDisposable {
  readonly socket: string;
  readonly lines: string[] = [];
  readonly #process: ChildProcess;
  constructor(folder: string, errno: number) {
    this.socket = join(folder, "agent.sock");
    this.#process = spawn("python3", ["-c", AGENT, this.socket, String(errno)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    createInterface({ input: this.#process.stdout! }).on("line", (line) => this.lines.push(line));
  }
  async ready(): Promise<void> {
    await until("the agent listens", () => existsSync(this.socket));
  }
  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGKILL");
    await once(this.#process, "exit");
  }
}

const seccomp = (profile: LinuxSeccomp) => (spec: Spec) => void (spec.linux!.seccomp = profile);
const mkdir = { names: ["mkdir", "mkdirat"] };

test("linux.seccomp.listenerPath: notifications go to the agent, with state and metadata, for exec too", async () => {
  using box = new Bundle();
  await using agent = new Agent(box.dir, 30);
  await agent.ready();
  seccomp({
    defaultAction: "SCMP_ACT_ALLOW",
    flags: ["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", "SECCOMP_FILTER_FLAG_TSYNC"],
    listenerPath: agent.socket,
    listenerMetadata: "for the agent",
    syscalls: [{ ...mkdir, action: "SCMP_ACT_NOTIFY" }],
  })(box.spec);
  box.spec.annotations = { "a.b": "c" };
  box.sleeping();
  assert.match(box.exec("mkdir /tmp/x 2>&1").out, /Read-only file system/);
  await until("two processes have been told", () => agent.lines.length === 2);
  const told = agent.lines.map((line) => {
    const [, json, fds, rest] = /^(.*) (\d+) (\d+)$/.exec(line)!;
    assert.deepEqual([fds, rest], ["1", "0"], "one descriptor, one message a connection");
    return JSON.parse(json!) as ContainerProcessState;
  });
  const { pid } = JSON.parse(box.runt("state", box.id).out);
  for (const [i, { ociVersion, fds, metadata, state }] of told.entries()) {
    assert.deepEqual([fds, metadata, ociVersion], [["seccompFd"], "for the agent", state.ociVersion]);
    assert.deepEqual([state.id, state.bundle, state.annotations], [box.id, box.dir, { "a.b": "c" }]);
    assert.equal(state.status, i === 0 ? "created" : "running");
  }
  assert.equal(told[0]!.pid, pid);
  assert.notEqual(told[1]!.pid, pid, "exec's own process");
});

test("linux.seccomp: a listener that is not there, metadata and NOTIFY without one are refused by name", () => {
  const refusal = (profile: LinuxSeccomp) => {
    using box = new Bundle(seccomp(profile));
    const { status, err } = box.runt("run", box.id);
    assert.equal(status, 1);
    assert.equal(box.status(), undefined);
    return err;
  };
  const allow = { defaultAction: "SCMP_ACT_ALLOW" } as const;
  const notify = [{ ...mkdir, action: "SCMP_ACT_NOTIFY" } as const];
  assert.match(refusal({ ...allow, syscalls: notify }), /linux\.seccomp\.listenerPath: SCMP_ACT_NOTIFY needs one/);
  assert.match(
    refusal({ ...allow, listenerMetadata: "x" }),
    /linux\.seccomp\.listenerMetadata: is there, but no listenerPath/,
  );
  assert.match(
    refusal({ ...allow, listenerPath: "/nowhere/agent.sock", syscalls: notify }),
    /linux\.seccomp\.listenerPath: .*"\/nowhere\/agent\.sock".*ENOENT/,
  );
  assert.match(refusal({ ...allow, flags: ["SECCOMP_FILTER_FLAG_X"] as never }), /linux\.seccomp\.flags: unknown flag/);
  assert.match(
    refusal({ ...allow, syscalls: [{ names: [], action: "SCMP_ACT_LOG" }] }),
    /seccomp\.syscalls\[0\]\.names/,
  );
});

test("linux.seccomp: a listenerPath that no rule needs is left alone", () => {
  using box = new Bundle(seccomp({ defaultAction: "SCMP_ACT_ALLOW", listenerPath: "/nowhere/agent.sock" }));
  assert.equal(box.sh("echo fine"), "fine\n");
});

test("linux.seccomp.flags, architectures, actions: the filter is on with each of them", () => {
  using box = new Bundle();
  for (const flags of [
    [],
    ["SECCOMP_FILTER_FLAG_LOG"],
    ["SECCOMP_FILTER_FLAG_SPEC_ALLOW"],
    ["SECCOMP_FILTER_FLAG_TSYNC"],
  ]) {
    for (const noNewPrivileges of [false, true]) {
      box.spec.process!.noNewPrivileges = noNewPrivileges;
      seccomp({
        defaultAction: "SCMP_ACT_ALLOW",
        flags: flags as LinuxSeccomp["flags"],
        architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X32", "SCMP_ARCH_AARCH64", "SCMP_ARCH_S390X"],
        syscalls: [
          { ...mkdir, action: "SCMP_ACT_ERRNO", errnoRet: 28 },
          { names: ["sethostname"], action: "SCMP_ACT_KILL_PROCESS" },
        ],
      })(box.spec);
      const out = box.sh("mkdir /tmp/x 2>&1; hostname other; echo $?; grep Seccomp: /proc/self/status");
      assert.match(out, /No space left on device\n(Bad system call\n)?159\nSeccomp:\s+2\n/, flags.join());
    }
  }
});
