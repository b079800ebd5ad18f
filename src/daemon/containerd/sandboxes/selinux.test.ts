import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { SELinuxOption } from "../../../common/gen/cri/sandbox-config.ts";
import { create } from "../../../common/protobuf/codec.ts";
import { checkSelinux, levelOf, selinuxContexts, selinuxLabels } from "./selinux.ts";

// As Fedora's policy has it.
const CONTEXTS = `process = "system_u:system_r:container_t:s0"
; a comment
content = "system_u:object_r:virt_var_lib_t:s0"
# another = "x"
file = "system_u:object_r:container_file_t:s0"
kvm_process = "system_u:system_r:container_kvm_t:s0"
`;

function host(t: { after(fn: () => void): void }, files: Record<string, string>): string {
  const root = mkdtempSync(join(tmpdir(), "selinux-"));
  t.after(() => rmSync(root, { recursive: true }));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

const ENABLED = { "sys/fs/selinux/enforce": "1" };
const POLICY = { ...ENABLED, "etc/selinux/config": "SELINUX=enforcing\nSELINUXTYPE=mls\n" };

test("selinuxContexts() reads the policy's contexts, and knows a host without SELinux", (t) => {
  const files = { ...POLICY, "etc/selinux/mls/contexts/lxc_contexts": CONTEXTS };
  const contexts = selinuxContexts(host(t, files))!;
  assert.deepEqual([...contexts.keys()], ["process", "content", "file", "kvm_process"]);
  assert.equal(contexts.get("file"), "system_u:object_r:container_file_t:s0");
  const own = { ...files, "usr/share/containers/selinux/contexts": 'process = "a:b:c:s0"' };
  assert.equal(selinuxContexts(host(t, own))!.get("process"), "a:b:c:s0", "that of containers goes before");
  assert.equal(selinuxContexts(host(t, { "etc/selinux/mls/contexts/lxc_contexts": CONTEXTS })), undefined);
  assert.deepEqual(selinuxContexts(host(t, ENABLED)), new Map());
});

test("selinuxLabels() gives each container categories of its own, and what was asked for", (t) => {
  const files = { ...POLICY, "etc/selinux/mls/contexts/lxc_contexts": CONTEXTS };
  const contexts = selinuxContexts(host(t, files))!;
  const first = selinuxLabels(contexts, {}, new Set());
  const [, categories] = /^system_u:system_r:container_t:(s0:c\d+,c\d+)$/.exec(first.process) ?? [];
  assert.ok(categories);
  assert.equal(first.mount, `system_u:object_r:container_file_t:${categories}`);
  assert.equal(levelOf(first.process), categories);
  // With all but one pair taken that one is found.
  const taken = new Set<string>();
  for (let a = 0; a < 1024; a++) for (let b = a + 1; b < 1024; b++) taken.add(`s0:c${a},c${b}`);
  taken.delete("s0:c5,c9");
  assert.equal(levelOf(selinuxLabels(contexts, {}, taken).process), "s0:c5,c9");
  taken.add("s0:c5,c9");
  assert.throws(() => selinuxLabels(contexts, {}, taken), { code: "ResourceExhausted" });
  assert.deepEqual(selinuxLabels(contexts, { user: "u", role: "r", type: "t_t", level: "s0:c1,c2" }, new Set()), {
    process: "u:r:t_t:s0:c1,c2",
    mount: "u:object_r:container_file_t:s0:c1,c2",
  });
  assert.match(selinuxLabels(contexts, {}, new Set(), true).process, /^system_u:system_r:container_kvm_t:s0:c/);
  assert.deepEqual(selinuxLabels(new Map(), { type: "x" }, new Set()), { process: "", mount: "" });
});

test("checkSelinux() takes a level in SELinux's form alone", () => {
  const level = (text: string) => () => checkSelinux(create(SELinuxOption, { level: text }));
  for (const good of ["", "s0", "s0-s1", "s0:c1", "s0:c1,c2", "s0:c1.c5,c9", "s0-s0:c0.c1023"]) level(good)();
  for (const bad of ["c1,c2", "s0:", "s0:c1,", "s0:c12345", "s0 c1", "s0:c1;c2"])
    assert.throws(level(bad), { code: "InvalidArgument" }, bad);
});
