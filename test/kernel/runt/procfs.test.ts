// A /proc that is not the kernel's, or not the whole of it: what is mounted over it is neither read nor written (CVE-2025-52881).
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Bundle, RUNTIME } from "./bundle.ts";

/** A runtime that sees `script` done in a mount namespace of its own before it begins; $$ is its pid. */
function after(box: Bundle, script: string): void {
  const path = join(box.dir, "runtime");
  const inner = `set -e\n${script}\nexec ${RUNTIME} "$@"`;
  writeFileSync(join(box.dir, "inner"), inner);
  writeFileSync(path, `#!/bin/sh\nexec unshare --mount --propagation private sh ${join(box.dir, "inner")} "$@"\n`);
  chmodSync(path, 0o755);
  box.runtime = path;
}

test("what lies on a file of /proc is not read: the container gets the cgroup that it should", () => {
  using box = new Bundle();
  const path = `/${box.id}`;
  box.spec.linux!.cgroupsPath = box.id;
  const own = readFileSync("/proc/self/cgroup", "utf8");
  // the same lines with another place each
  const fake = join(box.dir, "fake");
  writeFileSync(fake, own.replaceAll(/:[^:\n]*$/gm, ":/nowhere-to-be"));
  after(box, `mkdir -p ${box.dir}/x; mount --bind ${fake} /proc/$$/cgroup; cat /proc/$$/cgroup >${box.dir}/seen`);
  const out = box.sh("cat /proc/self/cgroup");
  assert.match(readFileSync(join(box.dir, "seen"), "utf8"), /nowhere-to-be/);
  assert.ok(out.includes(path) && !out.includes("nowhere-to-be"), out);
});

test("what lies on a kernel parameter is not written", () => {
  using box = new Bundle((spec) => {
    spec.linux!.sysctl = { "net.ipv4.ip_forward": "1", "kernel.domainname": "real" };
  });
  const fake = join(box.dir, "fake");
  writeFileSync(fake, "untouched");
  after(box, `for f in net/ipv4/ip_forward kernel/domainname; do mount --bind ${fake} /proc/sys/$f; done`);
  assert.equal(box.sh("cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/domainname"), "1\nreal\n");
  assert.equal(readFileSync(fake, "utf8"), "untouched");
  // what is not there at all is told as that, also by the procfs that is used instead
  box.spec.linux!.sysctl = { "net.nothing.of.this.name": "1" };
  box.write();
  after(box, `mount -t tmpfs none /proc/sys/net`);
  assert.match(box.runt("run", box.id).err, /open "\/proc\/sys\/net\/nothing\/of\/this\/name": ENOENT/);
});

test("over all of /proc: no container, and nothing written there; what is asked of others is the truth", () => {
  using box = new Bundle((spec) => {
    spec.process!.oomScoreAdj = 500;
  });
  box.sleeping();
  const fake = join(box.dir, "fake");
  for (const folder of ["self/attr", "self/fd", "sys"]) mkdirSync(join(fake, folder), { recursive: true });
  for (const file of ["self/attr/exec", "self/oom_score_adj", "self/uid_map", "self/cgroup"])
    writeFileSync(join(fake, file), "untouched");
  for (let fd = 0; fd < 64; fd++) symlinkSync("/etc", join(fake, "self/fd", String(fd)));
  after(box, `mount --bind ${fake} /proc`);
  const { status, err } = box.runt("run", `${box.id}-2`);
  assert.equal(status, 1);
  assert.match(err, /"\/proc\/self" is not the kernel's: no procfs is mounted on \/proc, or something over it/);
  for (const file of ["self/attr/exec", "self/oom_score_adj"])
    assert.equal(readFileSync(join(fake, file), "utf8"), "untouched", file);
  assert.equal(JSON.parse(box.runt("state", box.id).out).status, "running");
  assert.equal(box.exec("true").status, 1);
  assert.equal(box.runt("delete", "--force", box.id).status, 0);
});
