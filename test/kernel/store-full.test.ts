// A store on a full disk: a small tmpfs in a mount namespace of its own.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

const src = join(import.meta.dirname, "../../src/daemon/containerd");

const inner = (dir: string) => `
  import assert from "node:assert/strict";
  import { createCore } from "${src}/core.ts";
  import { FakeAgent } from "${src}/conformance/fake-agent.ts";
  import { bytesOf, put, rejects } from "${src}/conformance/harness.ts";
  const open = () => createCore({ root: "${dir}/root", state: "${dir}/state", agent: new FakeAgent() });
  let core = await open();
  let { content, images } = core.namespace("a");
  const kept = await put(content, bytesOf(100_000));
  await images.create({ name: "kept", target: kept });
  const large = bytesOf(8_000_000, 2);
  {
    await using writer = await content.writer({ ref: "large", size: large.length });
    const error = await rejects((async () => {
      for (let at = 0; at < large.length; at += 65536) await writer.write(large.subarray(at, at + 65536));
      await writer.commit();
    })(), "ResourceExhausted");
    assert.match(error.message, /"large"/);
  }
  // The disk is full: what is there can be read, what cannot be written says so.
  assert.equal((await content.read(kept)).length, 100_000);
  let failed;
  for (let i = 0; i < 500 && !failed; i++) {
    const labels = { filler: "x".repeat(4000) };
    failed = await images.create({ name: "i" + i, target: kept, labels }).then(() => undefined, (error) => error);
  }
  assert.equal(failed?.code, "ResourceExhausted", String(failed));
  await core[Symbol.asyncDispose]();
  core = await open();
  ({ content, images } = core.namespace("a"));
  assert.ok((await content.status("large")).offset <= 4_000_000);
  await content.abort("large");
  await put(content, bytesOf(1_000_000, 3));
  await images.create({ name: "after", target: kept });
  assert.equal((await images.get("kept")).target.digest, kept.digest);
  await core[Symbol.asyncDispose]();
  console.log("all is well");
`;

test("a full disk gives ResourceExhausted, loses nothing, and is recovered from", () => {
  const dir = mkdtempSync(join(tmpdir(), "wharf-full-"));
  try {
    const mount = `mount -t tmpfs -o size=4m none '${dir}' && exec '${process.execPath}' --input-type=module-typescript -e "$0"`;
    const args = ["--mount", "--propagation", "private", "sh", "-c", mount, inner(dir)];
    const child = spawnSync("unshare", args, {
      encoding: "utf8",
      env: { ...process.env, NODE_TEST_CONTEXT: undefined },
    });
    assert.equal(child.stdout.trim(), "all is well", child.stderr);
  } finally {
    rmSync(dir, { recursive: true });
  }
});
