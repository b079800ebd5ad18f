import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { isCode } from "../../common/errors.ts";
import type { Descriptor } from "../../common/oci/image.ts";
import { OCI } from "../../common/oci/media-types.ts";
import type { Log } from "../log.ts";
import { imageVerifier, type VerifierSettings } from "./verify.ts";

const NAME = "reg.example/a/b:1";
const IMAGE: Descriptor = {
  ...{ mediaType: OCI.manifest, digest: `sha256:${"a".repeat(64)}`, size: 7 },
  annotations: { k: "v" },
};
const dirs: string[] = [];
after(() => {
  for (const dir of dirs) rmSync(dir, { recursive: true });
});

/** A folder with shell scripts as verifiers, and the means to ask them. `$OUT` is a folder for what they tell. */
function verifiers(scripts: Record<string, string>, settings: Partial<VerifierSettings> = {}) {
  const binDir = mkdtempSync(join(tmpdir(), "wharf-verify-"));
  const out = mkdtempSync(join(tmpdir(), "wharf-verify-"));
  dirs.push(binDir, out);
  for (const [name, script] of Object.entries(scripts)) {
    writeFileSync(join(binDir, name), `#!/bin/sh\nOUT=${out}\n${script}\n`, { mode: 0o755 });
  }
  const logged: string[] = [];
  const log = ((level: string, message: string, fields: object) => {
    logged.push(`${level} ${message} ${JSON.stringify(fields)}`);
  }) as unknown as Log;
  const verify = imageVerifier({ binDir, maxVerifiers: 10, timeout: 60_000, ...settings }, log);
  return {
    ...{ binDir, logged },
    told: (name: string) => readFileSync(join(out, name), "utf8"),
    ask: (signal?: AbortSignal) => verify(NAME, IMAGE, signal),
  };
}

const refused = async (asked: Promise<void>, code: Parameters<typeof isCode>[1], text: RegExp) => {
  await assert.rejects(asked, (error: Error) => {
    assert.ok(isCode(error, code), String(error));
    assert.match(error.message, text);
    return true;
  });
};

test("imageVerifier() gives each program the name, the digest and the descriptor, in the order of their names", async () => {
  const tell = 'for one; do echo "$one"; done >$OUT/args; cat >$OUT/stdin; echo first >>$OUT/order';
  const { ask, told } = verifiers({ b: "echo second >>$OUT/order", a: tell });
  await ask();
  const args = ["-name", NAME, "-digest", IMAGE.digest, "-stdin-media-type", "application/vnd.oci.descriptor.v1+json"];
  assert.deepEqual(told("args").split("\n").slice(0, -1), args);
  assert.deepEqual(JSON.parse(told("stdin")), IMAGE);
  assert.equal(told("order"), "first\nsecond\n");
});

test("imageVerifier() refuses with what the program wrote, and asks no further one", async () => {
  const { ask, told } = verifiers({ a: "echo ' not signed '; echo why >&2; exit 3", b: "echo asked >$OUT/b" });
  await refused(ask(), "PermissionDenied", /^the image verifier "a" refused sha256:a+ \(exit code 3\): not signed$/);
  assert.throws(() => told("b"), /ENOENT/);
});

test("imageVerifier() takes programs that read nothing and write a lot", async () => {
  const much = "head -c 300000 /dev/zero | tr '\\0' x";
  const { ask } = verifiers({ a: `exec <&-; ${much}; ${much} >&2; exit 1` });
  await refused(ask(), "PermissionDenied", /: x{32768} \(cut short\)$/);
});

test("imageVerifier() refuses when a program crashes, cannot be run or does not end", async () => {
  await refused(verifiers({ a: "kill -SEGV $$" }).ask(), "FailedPrecondition", /"a" was ended by SIGSEGV/);
  const other = verifiers({});
  writeFileSync(join(other.binDir, "readme"), "no program");
  await refused(other.ask(), "FailedPrecondition", /"readme" cannot be run/);
  // The one that it started holds the output open and is ended with it.
  const hangs = verifiers({ a: "sleep 1000 & echo $! >$OUT/pid; wait" }, { timeout: 6000 });
  await refused(hangs.ask(), "DeadlineExceeded", /"a" gave no answer in 6000 ms/);
  await gone(Number(hangs.told("pid")));
});

test("imageVerifier() refuses when there are no descriptors for a program's pipes, and goes on", () => {
  const { binDir } = verifiers({ a: "exit 0" });
  const script = `
    import { closeSync, openSync } from "node:fs";
    import { imageVerifier } from ${JSON.stringify(join(import.meta.dirname, "verify.ts"))};
    const verify = imageVerifier({ binDir: ${JSON.stringify(binDir)}, maxVerifiers: 1, timeout: 60_000 }, () => {});
    const ask = () => verify("n", ${JSON.stringify(IMAGE)});
    await ask();
    const taken = [];
    try {
      for (;;) taken.push(openSync("/dev/null"));
    } catch {}
    // Enough to read the folder.
    for (const fd of taken.splice(0, 3)) closeSync(fd);
    const { code, message } = await ask().catch((error) => error);
    for (const fd of taken) closeSync(fd);
    await ask();
    console.log(code, message);`;
  const command = ["-c", 'ulimit -n 128; exec "$@"', "sh", process.execPath, "--input-type=module", "-e", script];
  const { stdout, stderr } = spawnSync("sh", command, { encoding: "utf8", timeout: 60_000 });
  assert.match(stdout, /^FailedPrecondition the image verifier "a" cannot be run$/m, stderr);
});

test("imageVerifier() ends the program when the pull is given up", async () => {
  const { ask, told } = verifiers({ a: "sleep 1000 & echo $! >$OUT/pid; wait" });
  const controller = new AbortController();
  const asked = ask(controller.signal);
  const started = () => {
    try {
      return told("pid").endsWith("\n");
    } catch {
      return false;
    }
  };
  while (!started()) await new Promise((resolve) => setTimeout(resolve, 5));
  controller.abort();
  await refused(asked, "Canceled", /./);
  await gone(Number(told("pid")));
});

test("imageVerifier() asks no more programs than it may, and says that it left some out", async () => {
  const scripts = { a: "exit 0", b: "exit 1" };
  const one = verifiers(scripts, { maxVerifiers: 1 });
  await one.ask();
  assert.match(one.logged[0]!, /^warn image verifiers are left out .*"there":2,"called":1/);
  await verifiers(scripts, { maxVerifiers: 0 }).ask();
  await refused(verifiers(scripts, { maxVerifiers: -1 }).ask(), "PermissionDenied", /"b" refused/);
});

test("imageVerifier() lets all pass when there is no folder, nobody when it cannot be read", async () => {
  const { binDir, ask } = verifiers({ a: "exit 0" });
  await imageVerifier({ binDir: join(binDir, "none"), maxVerifiers: 1, timeout: 1 }, () => {})(NAME, IMAGE);
  await ask();
  const noFolder = imageVerifier({ binDir: join(binDir, "a"), maxVerifiers: 1, timeout: 1 }, () => {});
  await refused(noFolder(NAME, IMAGE), "FailedPrecondition", /cannot be read/);
});

/** Ended, be it that nobody has waited for it. */
async function gone(pid: number): Promise<void> {
  for (;;) {
    let stat: string;
    try {
      stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    } catch {
      return;
    }
    if (/\) [ZX] /.test(stat)) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
