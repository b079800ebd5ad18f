// Completion in the real shells, each in a terminal of its own where it has to be typed into.
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { MockEngine } from "./mock.ts";
import { execute, Scratch, wharfProgram } from "./program.ts";

const scratch = new Scratch();
const engine = new MockEngine();
const env: Record<string, string> = {};
let wharf = "";

before(async () => {
  wharf = await wharfProgram(scratch);
  const socket = scratch.path("e.sock");
  await engine.listen(socket);
  Object.assign(env, {
    PATH: `${dirname(wharf)}:${process.env.PATH}`,
    HOME: scratch.dir,
    ZDOTDIR: scratch.dir,
    XDG_CONFIG_HOME: scratch.path("config"),
    XDG_DATA_HOME: scratch.path("data"),
    DOCKER_HOST: `unix://${socket}`,
    TERM: "dumb",
    WHARF_COMPLETION_TIMEOUT: "60",
  });
});
after(async () => {
  await engine.close();
  scratch[Symbol.dispose]();
});

async function script(shell: string): Promise<string> {
  const { stdout, code, stderr } = await execute([wharf, "completion", shell]);
  assert.equal(code, 0, stderr);
  return stdout;
}

/** Types each line (with its tabs) into a shell and leaves when what was awaited has come; answers what the terminal showed. */
async function typed(shell: readonly string[], lines: readonly (readonly [keys: string, until: string])[]) {
  const steps = [
    ["until", "% "],
    ...lines.flatMap(([keys, until]) => [
      ["type", `\x15${keys}`],
      ["until", until],
    ]),
  ];
  const all = JSON.stringify([...steps, ["type", "\x15exit\r"]]);
  const { stdout, stderr } = await execute(
    ["python3", join(import.meta.dirname, "terminal.py"), "40", "120", all, ...shell],
    { env, cwd: scratch.dir },
  );
  const { error, output } = JSON.parse(stdout || JSON.stringify({ error: stderr })) as Record<string, string>;
  assert.equal(error, undefined, `${output}`);
}

test("bash: commands, flags, names, images with a colon, values after an equals sign, files", async () => {
  const rc = scratch.path("bashrc");
  writeFileSync(rc, `PS1='% '\n${await script("bash")}`);
  writeFileSync(scratch.path("a-file"), "");
  await typed(
    ["bash", "--noprofile", "--rcfile", rc, "-i"],
    [
      ["wharf conta\t", "container "],
      ["wharf rm o\t", "wharf rm one "],
      ["wharf inspect busybox:l\t", "busybox:latest "],
      ["wharf run -v /a:/b -e A=b --network=bri\t", "--network=bridge "],
      ["wharf run --pull a\t", "--pull always "],
      ["wharf run --cap-drop SYS_A\t", "SYS_ADMIN "],
      ["wharf ps -f stat\tx", "-f status=x"],
      ["wharf cp o\tx", "cp one:x"],
      ["wharf load -i a-f\t", "a-file "],
      ["wharf --context d\t", "default "],
    ],
  );
});

test("zsh: as a file of fpath, from the first tab on, with what each means", async () => {
  const functions = scratch.path("functions");
  mkdirSync(functions);
  writeFileSync(join(functions, "_wharf"), await script("zsh"));
  const start = `fpath=(${functions} $fpath); autoload -Uz compinit; compinit -u -d ${scratch.path("dump")}; PS1='%% '\n`;
  writeFileSync(scratch.path(".zshrc"), start);
  await typed(
    ["zsh", "-i"],
    [
      ["wharf rm o\t", "one "],
      ["wharf image h\t", "history "],
      ["wharf image \t", "Show how an image was made"],
      ["wharf inspect busybox:l\t", "latest "],
      ["wharf run --network=bri\t", "bridge "],
      ["wharf ps -f stat\tx", "status=x"],
    ],
  );
  const sourced = `autoload -Uz compinit; compinit -u -d ${scratch.path("dump2")}; source ${functions}/_wharf; echo $_comps[wharf]`;
  assert.equal((await execute(["zsh", "-f", "-c", sourced], { env })).stdout, "_wharf\n");
});

test("fish: words with their meaning, files only where they fit", async () => {
  const folder = scratch.path("config/fish/completions");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "wharf.fish"), await script("fish"));
  const complete = async (line: string) => {
    const { stdout, stderr } = await execute(["fish", "-c", `complete -C ${JSON.stringify(line)}`], {
      env,
      cwd: scratch.dir,
    });
    assert.equal(stderr, "");
    return stdout;
  };
  assert.equal(await complete("wharf rm o"), "one\tbusybox, Up 2 hours\n");
  assert.match(await complete("wharf image "), /^history\tShow how an image was made$/m);
  assert.equal(await complete("wharf run --network=bri"), "--network=bridge\n");
  assert.equal(await complete("wharf inspect busybox:l"), "busybox:latest\timage\n");
  assert.equal(await complete("wharf stop a-f"), "", "no files");
  writeFileSync(scratch.path("a-file"), "");
  assert.equal(await complete("wharf load -i a-f"), "a-file\n");
});

test("a daemon that does not answer, or does not run, does not hold the shell up", async () => {
  const server = createServer();
  const path = scratch.path("mute.sock");
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const words = (socket: string, line: string) =>
    execute([wharf, "__complete", "--line", `wharf -H unix://${socket} ${line}`]);
  assert.deepEqual(await words(path, "rm "), { stdout: "", stderr: "", code: 0 });
  assert.equal((await words(path, "run --network h")).stdout, "");
  server.close();
  const state = scratch.path("no-state");
  const own = await execute([wharf, "__complete", "--", "rm", ""], { env: { WHARF_STATE: state } });
  assert.deepEqual(own, { stdout: "", stderr: "", code: 0 }, "and is not started");
});
