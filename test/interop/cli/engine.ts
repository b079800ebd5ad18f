// What the CLI does with an engine, whichever it is: the same tests run on a real dockerd and on our own daemon.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ROOT } from "../../../tools/lib/native.ts";
import { uniqueName } from "../../support/run.ts";
import { settles, until } from "../../support/until.ts";
import { execute, type Result, type RunOptions, type Scratch } from "./program.ts";

export interface Subject {
  readonly wharf: string;
  readonly socket: string;
  readonly scratch: Scratch;
}

interface TerminalResult {
  output: string;
  code: number;
  restored: boolean;
  error?: string;
}

/** Declares the tests; `subject` is there when they run. */
export function engineTests(subject: () => Subject): void {
  const cli = (args: readonly string[], options?: RunOptions): Promise<Result> =>
    execute([subject().wharf, "-H", `unix://${subject().socket}`, ...args], options);
  const run = (args: readonly string[], options?: RunOptions) =>
    cli(["run", "--rm", "--network", "none", ...args], options);

  async function terminal(script: unknown[], args: readonly string[]): Promise<TerminalResult> {
    const program = [subject().wharf, "-H", `unix://${subject().socket}`, ...args];
    const helper = join(ROOT, "test/interop/cli/terminal.py");
    const { stdout, stderr } = await execute(["python3", helper, "24", "80", JSON.stringify(script), ...program]);
    const result = JSON.parse(stdout || JSON.stringify({ error: stderr, output: "" })) as TerminalResult;
    assert.equal(result.error, undefined, result.output);
    return result;
  }

  test("run: output, streams apart, exit code", async () => {
    const { stdout, stderr, code } = await run(["busybox", "sh", "-c", "echo out; echo err >&2; exit 7"]);
    assert.deepEqual([stdout, stderr, code], ["out\n", "err\n", 7]);
  });

  test("run: 127 for a command that is not there, 126 for one that cannot be executed, 125 for the rest", async () => {
    const missing = await run(["busybox", "no-such-command"]);
    assert.equal(missing.code, 127, missing.stderr);
    assert.match(missing.stderr, /^wharf: .*no-such-command/);
    assert.equal((await run(["busybox", "/tmp"])).code, 126);
    assert.equal((await run(["--pull", "never", "no-such-image:1"])).code, 125);
    assert.equal((await run(["--memory", "1k", "busybox", "true"])).code, 125);
  });

  test("run -i: stdin from a pipe and from a file, to the last byte", async () => {
    const data = Buffer.alloc(3_000_000, "0123456789abcdef\n");
    const { stdout } = await run(["-i", "busybox", "md5sum"], { input: data });
    const file = subject().scratch.path("stdin");
    writeFileSync(file, data);
    const shell = `"$0" -H unix://${subject().socket} run --rm -i --network none busybox md5sum < ${file}`;
    const fromFile = await execute(["sh", "-c", shell, subject().wharf]);
    assert.equal(fromFile.stdout, stdout);
    const expected = (await import("node:crypto")).createHash("md5").update(data).digest("hex");
    assert.equal(stdout, `${expected}  -\n`);
    assert.equal((await run(["-i", "busybox", "cat"])).stdout, "", "an empty stdin ends at once");
    assert.equal((await run(["busybox", "cat"], { input: "not passed on" })).stdout, "");
  });

  test("run: much output arrives whole, both streams in step", async () => {
    const script = "i=0; while [ $i -lt 3000 ]; do echo line $i; echo error $i >&2; i=$((i+1)); done";
    const { stdout, stderr } = await run(["busybox", "sh", "-c", script]);
    const lines = (word: string) => Array.from({ length: 3000 }, (_, i) => `${word} ${i}\n`).join("");
    assert.equal(stdout, lines("line"));
    assert.equal(stderr, lines("error"));
    const big = await run(["busybox", "sh", "-c", "head -c 20000000 /dev/zero | tr '\\0' x"]);
    assert.equal(big.stdout.length, 20_000_000);
  });

  test("run: a reader that goes away ends the program as SIGPIPE would", async () => {
    const name = uniqueName("yes");
    const command = `"$0" -H unix://${subject().socket} run --name ${name} --network none busybox yes | head -n 1; echo "\${PIPESTATUS[0]}"`;
    const { stdout } = await execute(["bash", "-c", command, subject().wharf]);
    assert.equal(stdout, "y\n141\n");
    await cli(["rm", "-f", name]);
  });

  test("run: SIGTERM reaches the container, whose exit code comes back", async () => {
    const name = uniqueName("sig");
    let seen = "";
    const { stdout, code } = await run(
      [
        "--name",
        name,
        "busybox",
        "sh",
        "-c",
        "trap 'echo got it; exit 3' TERM; echo ready; while :; do sleep 0.05; done",
      ],
      {
        started: (child) =>
          child.stdout!.on("data", (data: Buffer) => {
            seen += data;
            if (seen === "ready\n") child.kill("SIGTERM");
          }),
      },
    );
    assert.deepEqual([stdout, code], ["ready\ngot it\n", 3]);
  });

  test("run -d, ps, logs, exec, stop, start, wait, rm", async () => {
    const name = uniqueName("life");
    const script = "trap 'exit 5' TERM; echo out; echo err >&2; while :; do sleep 0.05; done";
    const started = await cli([
      "run",
      "-d",
      "--name",
      name,
      "--network",
      "none",
      "-l",
      "k=v",
      "busybox",
      "sh",
      "-c",
      script,
    ]);
    assert.match(started.stdout, /^[0-9a-f]{64}\n$/, started.stderr);
    const id = started.stdout.trim();
    assert.equal((await cli(["ps", "-q", "--no-trunc", "--filter", `name=${name}`])).stdout, `${id}\n`);
    assert.equal(
      (await cli(["ps", "--filter", "label=k=v", "--format", '{{.Names}} {{.State}} {{.Label "k"}}'])).stdout,
      `${name} running v\n`,
    );
    await settles(
      () => cli(["logs", name]),
      (logs) => assert.deepEqual([logs.stdout, logs.stderr], ["out\n", "err\n"]),
    );
    assert.match(
      (await cli(["logs", "-t", "-n", "1", name])).stdout + (await cli(["logs", "-t", name])).stdout,
      /^\d{4}-\d\d-\d\dT[\d:.]+Z (out|err)$/m,
    );
    const exec = await cli(["exec", "-i", "-e", "X=1", "-w", "/tmp", name, "sh", "-c", "pwd; echo $X; cat; exit 9"], {
      input: "in\n",
    });
    assert.deepEqual([exec.stdout, exec.code], ["/tmp\n1\nin\n", 9], exec.stderr);
    assert.equal((await cli(["exec", name, "no-such-command"])).code, 127);
    assert.equal((await cli(["exec", "-w", "/no/such/folder", name, "pwd"])).code, 127);
    assert.equal((await cli(["inspect", "-f", "{{.State.Running}} {{.Config.Labels.k}}", name])).stdout, "true v\n");
    const waiting = cli(["wait", name]);
    await sleep(300);
    assert.equal((await cli(["stop", "-t", "60", name])).stdout, `${name}\n`);
    assert.equal((await waiting).stdout, "5\n");
    assert.equal((await cli(["ps", "-q", "--filter", `name=${name}`])).stdout, "");
    assert.match((await cli(["ps", "-a", "--filter", `name=${name}`])).stdout, /Exited \(5\)/);
    assert.equal((await cli(["start", name])).stdout, `${name}\n`);
    assert.equal((await cli(["rm", name])).code, 1, "it runs");
    assert.equal((await cli(["kill", name])).stdout, `${name}\n`);
    assert.equal((await cli(["wait", name])).stdout, "137\n");
    assert.equal((await cli(["rm", name])).stdout, `${name}\n`);
    const gone = await cli(["rm", "-f", name]);
    assert.equal(gone.code, 0, gone.stderr);
    assert.equal((await cli(["inspect", name])).stdout, "[]\n");
  });

  test("logs -f goes on until the container ends", async () => {
    const name = uniqueName("follow");
    await cli([
      "run",
      "-d",
      "--name",
      name,
      "--network",
      "none",
      "busybox",
      "sh",
      "-c",
      "for i in 1 2 3 4 5; do echo $i; sleep 0.1; done",
    ]);
    const { stdout, code } = await cli(["logs", "-f", name]);
    assert.deepEqual([stdout, code], ["1\n2\n3\n4\n5\n", 0]);
    await cli(["rm", "-f", name]);
  });

  test("create, cidfile, start -a, export", async () => {
    const name = uniqueName("made");
    const idFile = subject().scratch.path("cid");
    const created = await cli([
      "create",
      "--name",
      name,
      "--cidfile",
      idFile,
      "--network",
      "none",
      "busybox",
      "sh",
      "-c",
      "echo hello; exit 4",
    ]);
    assert.equal(readFileSync(idFile, "utf8"), created.stdout.trim(), created.stderr);
    const again = await cli(["create", "--cidfile", idFile, "busybox"]);
    assert.match(again.stderr, /is there already/);
    const started = await cli(["start", "-a", name]);
    assert.deepEqual([started.stdout, started.code], ["hello\n", 4]);
    const file = subject().scratch.path("export.tar");
    assert.equal((await cli(["export", "-o", file, name])).code, 0);
    const list = await execute(["tar", "-tf", file]);
    assert.match(list.stdout, /^bin\/busybox$/m);
    const piped = `"$0" -H unix://${subject().socket} export ${name} | tar -tf - && "$0" -H unix://${subject().socket} export ${name} | head -c 10 | wc -c`;
    const archive = await execute(["sh", "-c", piped, subject().wharf]);
    assert.match(archive.stdout, /^bin\/busybox$[\s\S]*^10$/m);
    const failed = await cli(["export", "-o", subject().scratch.path("none.tar"), "no-such-container"]);
    assert.equal(failed.code, 1);
    await assert.rejects(async () => readFileSync(subject().scratch.path("none.tar")));
    await cli(["rm", name]);
  });

  test("run -it: a terminal of the right size that follows ours, raw and given back", async () => {
    const { output, code, restored } = await terminal(
      [
        ["until", "# "],
        ["type", "stty size\r"],
        ["until", "24 80"],
        ["size", 30, 100],
        ["type", "until stty size | grep -q ^30; do sleep 0.05; done; stty size; exit 6\r"],
        ["until", "30 100"],
      ],
      ["run", "--rm", "-it", "--network", "none", "-e", "PS1=# ", "busybox", "sh"],
    );
    assert.match(output, /24 80\r\n/);
    assert.equal(code, 6, output);
    assert.equal(restored, true);
  });

  test("run -it: ctrl-p ctrl-q detaches, a lone ctrl-p gets through, attach comes back", async () => {
    const name = uniqueName("detach");
    const show = "stty raw -echo; echo ready; dd bs=1 count=2 2>/dev/null | od -An -tx1; echo next; cat";
    const first = await terminal(
      [
        ["until", "ready"],
        ["type", "\x10"],
        ["pause", 0.6],
        ["type", "a"],
        ["until", "10 61"],
        ["until", "next"],
        ["type", "\x10"],
        ["pause", 0.05],
        ["type", "\x11"],
      ],
      ["run", "-it", "--name", name, "--network", "none", "busybox", "sh", "-c", show],
    );
    assert.equal(first.code, 0, first.output);
    assert.equal(first.restored, true);
    assert.match(first.output, new RegExp(`detached; 'wharf attach ${name}' comes back`));
    assert.equal((await cli(["inspect", "-f", "{{.State.Running}}", name])).stdout, "true\n");
    const second = await terminal(
      [["raw"], ["type", "again"], ["until", "again"], ["type", "x"], ["until", "x"], ["type", "zq"]],
      ["attach", "--detach-keys", "z,q", name],
    );
    assert.deepEqual([second.code, second.restored], [0, true], second.output);
    await cli(["rm", "-f", name]);
  });

  test("run -it: a signal that ends the program leaves the terminal as it was", async () => {
    const name = uniqueName("killed");
    const { code, restored } = await terminal(
      [
        ["until", "ready"],
        ["kill", 15],
      ],
      [
        "run",
        "-it",
        "--sig-proxy=false",
        "--name",
        name,
        "--network",
        "none",
        "busybox",
        "sh",
        "-c",
        "echo ready; sleep 60",
      ],
    );
    assert.deepEqual([code, restored], [143, true]);
    await cli(["rm", "-f", name]);
  });

  test("exec -it has a terminal", async () => {
    const name = uniqueName("execit");
    await cli(["run", "-d", "--name", name, "--network", "none", "busybox", "sleep", "60"]);
    const { output, code } = await terminal(
      [["until", "24 80"]],
      [
        "exec",
        "-it",
        name,
        "sh",
        "-c",
        "until stty size | grep -q '24 80'; do sleep 0.05; done; stty size; tty; exit 3",
      ],
    );
    assert.match(output, /24 80\r\n\/dev\/pts\/\d/);
    assert.equal(code, 3);
    await cli(["rm", "-f", name]);
  });

  test("a name that is nearly right: a person is told the one that is meant", async () => {
    const name = uniqueName("near");
    await cli(["create", "--name", name, "--network", "none", "busybox"]);
    await cli(["volume", "create", `${name}-data`]);
    for (const [args, meant] of [
      [["start", `${name}x`], name],
      [["inspect", `${name}x`], name],
      [["rmi", "busybux"], "busybox"],
      [["volume", "rm", `${name}-dota`], `${name}-data`],
      [["network", "inspect", "hsot"], "host"],
    ] as const) {
      const { output, code } = await terminal([], args);
      assert.equal(code, 1, output);
      assert.match(output, new RegExp(`hint: did you mean ${meant}\\?`));
    }
    await cli(["rm", name]);
    await cli(["volume", "rm", `${name}-data`]);
  });

  test("stop tells a person what was waited for when a container does not heed its signal", async () => {
    const name = uniqueName("deaf");
    await cli(["run", "-d", "--name", name, "--network", "none", "busybox", "sleep", "1000"]);
    const { output, code } = await terminal([], ["stop", "-t", "1", name]);
    assert.equal(code, 0, output);
    assert.match(output, new RegExp(`hint: ${name} did not heed SIGTERM and was killed; run it with --init`));
    await cli(["start", name]);
    const piped = await cli(["stop", "-t", "1", name]);
    assert.deepEqual([piped.stdout, piped.stderr], [`${name}\n`, ""]);
    await cli(["rm", name]);
  });

  test("-t needs a terminal to type into", async () => {
    const { stderr, code } = await run(["-it", "busybox", "true"]);
    assert.deepEqual(
      [stderr, code],
      ["wharf: the input device is not a TTY\nhint: leave -t away when stdin is a pipe or a file\n", 1],
    );
  });

  test("run --init: process 1 passes signals on, reaps orphans, and ends as the program ends", async () => {
    const name = uniqueName("init");
    const script = "trap 'exit 9' TERM; (sleep 0.1 & echo $!); while :; do sleep 0.05; done";
    await cli(["run", "-d", "--init", "--name", name, "--network", "none", "busybox", "sh", "-c", script]);
    const orphan = await until("the orphan's number", async () => (await cli(["logs", name])).stdout.trim());
    const processes = async () => (await cli(["exec", name, "ps", "-o", "pid,stat,args"])).stdout;
    // one that nobody takes in stays as a zombie; the shell's own are one for a moment, too
    await settles(processes, (seen) => {
      assert.match(seen, /^ +1 +\S+ +\/sbin\/docker-init -- sh -c /m);
      assert.doesNotMatch(seen, new RegExp(`^ *${orphan} `, "m"), "the orphan is taken in");
    });
    await cli(["stop", "-t", "60", name]);
    assert.equal((await cli(["wait", name])).stdout, "9\n");
    await cli(["rm", "-f", name]);
    const killed = await run(["--init", "busybox", "sh", "-c", "kill -9 $$"]);
    assert.equal(killed.code, 137, killed.stderr);
    assert.equal((await run(["--init", "busybox", "no-such-program"])).code, 127);
    assert.equal((await run(["--init", "-i", "busybox", "cat"], { input: "through" })).stdout, "through");
  });

  test("version and info tell of both sides", async () => {
    const { stdout } = await cli(["version"]);
    assert.match(stdout, /^Client: Wharf\n Version: {11}\d/);
    assert.match(stdout, /^Server:[^\n]*\n Engine:\n {2}Version: {10}\S/m);
    assert.match((await cli(["info"])).stdout, /^ Kernel Version: /m);
    assert.equal((await cli(["version", "-f", "{{.Client.APIVersion}}"])).stdout, "1.51\n");
  });
}
