// A profile that is in the cache is not read again: what it forbids is forbidden all the same, and nothing else is taken for it.
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Bundle } from "./bundle.ts";

const NO_MKDIR = {
  defaultAction: "SCMP_ACT_ALLOW",
  syscalls: [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO" }],
} as const;

const SCRIPT = "mkdir /tmp/x 2>&1 || :; rmdir /tmp/x 2>/dev/null || :";

/** Rewrites config.json as text. */
function edit(box: Bundle, change: (text: string) => string): void {
  const file = join(box.dir, "config.json");
  writeFileSync(file, change(readFileSync(file, "utf8")));
}

function forbidden(box: Bundle): boolean {
  const { status, out, err } = box.runt("run", box.id);
  assert.equal(status, 0, err);
  return out.includes("not permitted");
}

test("a profile holds at its first use, out of the cache, and in processes that come later", () => {
  using box = new Bundle((spec) => {
    spec.linux!.seccomp = structuredClone(NO_MKDIR) as never;
    spec.process!.args = ["sh", "-c", SCRIPT];
  });
  for (let i = 0; i < 3; i++) assert.ok(forbidden(box), `run ${i}`);
  assert.equal(readdirSync(join(box.state, ".seccomp")).length, 1);
  box.sleeping();
  assert.match(box.exec(SCRIPT).out, /not permitted/);
});

test("what comes later has the flags of a filter out of the cache as of one that was compiled", () => {
  using box = new Bundle((spec) => void (spec.linux!.seccomp = structuredClone(NO_MKDIR) as never));
  for (const from of ["compiled", "the cache"]) {
    box.sleeping();
    const { err } = box.runt("--debug", "exec", box.id, "true");
    assert.equal(/seccomp filter flags: (\d+)/.exec(err)?.[1], "4", `${from}: ${err}`);
    box.ok("delete", "--force", box.id);
  }
});

test("another profile is another program, whatever is in the cache", () => {
  using box = new Bundle((spec) => {
    spec.linux!.seccomp = structuredClone(NO_MKDIR) as never;
    spec.process!.args = ["sh", "-c", SCRIPT];
  });
  assert.ok(forbidden(box));
  edit(box, (text) => text.replace('"mkdir","mkdirat"', '"rename"'));
  assert.ok(!forbidden(box));
  // flags and escapes are read, not cut out
  edit(box, (text) => text.replace('"rename"', '"mk\\u0064ir","mkdirat"'));
  assert.ok(forbidden(box));
  edit(box, (text) => text.replace('"seccomp":{', '"seccomp":{"flags":["SECCOMP_FILTER_FLAG_LOG"],'));
  assert.ok(forbidden(box));
  edit(box, (text) => text.replace("SECCOMP_FILTER_FLAG_LOG", "NONSENSE"));
  assert.match(box.runt("run", box.id).err, /NONSENSE/);
});

test("a field of that name elsewhere is not the container's profile", () => {
  using box = new Bundle((spec) => {
    spec.linux!.seccomp = structuredClone(NO_MKDIR) as never;
    spec.process!.args = ["sh", "-c", SCRIPT];
  });
  assert.ok(forbidden(box));
  // the same text, where no profile is looked for
  edit(box, (text) =>
    text.replace('"linux":{', '"linux":{"x":{},').replace(/"seccomp":(\{.*?\}\]\})/, '"other":{"seccomp":$1}'),
  );
  assert.match(readFileSync(join(box.dir, "config.json"), "utf8"), /"other":\{"seccomp":/);
  assert.ok(!forbidden(box));
});

test("a profile in another case goes over the one that is there, and into no other's place in the cache", () => {
  using box = new Bundle((spec) => {
    spec.linux!.seccomp = structuredClone(NO_MKDIR) as never;
    spec.process!.args = ["sh", "-c", SCRIPT];
  });
  for (let i = 0; i < 2; i++) {
    edit(box, (text) => text.replace('"linux":{', '"Linux":{"Seccomp":{"syscalls":[]}},"linux":{'));
    assert.ok(forbidden(box), "the later one counts");
    edit(box, (text) => text.replace(/\}$/, ',"LINUX":{"Seccomp":{"syscalls":[]}}}'));
    assert.ok(!forbidden(box), "the later one counts");
    box.write();
    assert.ok(forbidden(box));
  }
});

test("texts that are no JSON are refused as such", () => {
  using box = new Bundle((spec) => {
    spec.linux!.seccomp = structuredClone(NO_MKDIR) as never;
    spec.process!.args = ["true"];
  });
  assert.equal(box.runt("run", box.id).status, 0);
  for (const cut of ['"seccomp":{', '"seccomp":{"defaultAction":"SCMP_ACT_ALLOW"', '"mkdir"']) {
    const whole = readFileSync(join(box.dir, "config.json"), "utf8");
    writeFileSync(join(box.dir, "config.json"), whole.slice(0, whole.indexOf(cut) + cut.length));
    assert.match(box.runt("run", box.id).err, /is not valid JSON/);
    box.write();
  }
});
