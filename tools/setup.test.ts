// Set-up in a made-up tree with made-up package managers: what it calls, what it says, what it leaves alone.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";

interface Tree {
  dir: string;
  /** What the stand-ins were called with so far. */
  calls: () => string[];
  stub: (name: string, body: string) => void;
  run: (...args: string[]) => Promise<{ code: number | null; said: string }>;
}

const NEEDED = [
  "sh",
  "cat",
  "dirname",
  "mkdir",
  "mv",
  "tail",
  "sha256sum",
  "flock",
  "uname",
  "ls",
  "sed",
  "readlink",
  "sleep",
  "touch",
];

/** A tree with the real setup.sh, whose PATH holds only what is put there. */
function tree(t: TestContext, options: { without?: string[] } = {}): Tree {
  const dir = mkdtempSync(join(tmpdir(), "setup-"));
  t.after(() => rmSync(dir, { recursive: true }));
  const [bin, log] = [join(dir, "bin"), join(dir, "calls")];
  for (const name of ["bin", "tools", "proofs"]) mkdirSync(join(dir, name));
  copyFileSync(join(import.meta.dirname, "setup.sh"), join(dir, "tools/setup.sh"));
  const packages = `# a comment\nbuild  libone  ${dir}/proofs/one*  a library\ntest  two  two-program  a test's tool\n`;
  writeFileSync(join(dir, "tools/packages.txt"), packages);
  writeFileSync(join(dir, "package-lock.json"), "{}");
  writeFileSync(join(dir, ".npmrc"), "");
  writeFileSync(log, "");
  const stub = (name: string, body: string) => {
    const path = name.includes("/") ? join(dir, name) : join(bin, name);
    rmSync(path, { force: true });
    writeFileSync(path, `#!/bin/sh\necho "${name.replace("tools/", "")} $*" >> ${log}\n${body}\n`, { mode: 0o755 });
  };
  for (const name of NEEDED.filter((name) => !options.without?.includes(name))) {
    const real = ["/usr/bin", "/bin"].map((place) => join(place, name)).find((path) => existsSync(path));
    symlinkSync(real!, join(bin, name));
  }
  stub("id", "echo 0");
  stub("npm", `mkdir -p ${dir}/node_modules`);
  stub("tools/node", "");
  stub("tools/peers", "");
  stub("apt-get", `case "$*" in *install*libone*) touch ${dir}/proofs/one.a ;; esac`);
  const run = (...args: string[]) =>
    new Promise<{ code: number | null; said: string }>((resolve, reject) => {
      const child = spawn("/bin/sh", [join(dir, "tools/setup.sh"), ...args], { env: { PATH: bin } });
      let said = "";
      child.stderr.setEncoding("utf8").on("data", (text: string) => {
        said += text;
      });
      child.on("error", reject);
      child.on("close", (code) => resolve({ code, said }));
    });
  const calls = () =>
    readFileSync(log, "utf8")
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("id "));
  return { dir, calls, stub, run };
}

test("setup installs what is missing, says so, and then has nothing to do or say", async (t) => {
  const { run, calls, dir } = tree(t);
  const first = await run();
  assert.equal(first.code, 0, first.said);
  assert.match(first.said, /installing Debian packages: libone\n.*installing npm packages/s);
  assert.ok(calls().some((call) => /^apt-get install .*libone$/.test(call)));
  assert.ok(calls().includes("npm ci --loglevel=error"));
  assert.ok(existsSync(join(dir, "build/ready")));
  const before = calls().length;
  const second = await run();
  assert.deepEqual(second, { code: 0, said: "" });
  assert.deepEqual(calls().slice(before), ["node tools/build.ts"]);
});

test("setup installs npm packages again when the lock file has changed", async (t) => {
  const { run, calls, dir } = tree(t);
  await run();
  writeFileSync(join(dir, "package-lock.json"), '{"changed":true}');
  await run();
  assert.equal(calls().filter((call) => call === "npm ci --loglevel=error").length, 2);
});

test("setup without --tests leaves the tests' packages alone", async (t) => {
  const { run, calls, stub, dir } = tree(t);
  await run();
  assert.ok(!calls().some((call) => call.includes(" two")));
  stub(
    "apt-get",
    `[ "$1" != install ] || { printf '#!/bin/sh\\n' > ${dir}/bin/two-program; /bin/chmod +x ${dir}/bin/two-program; }`,
  );
  const { code, said } = await run("--tests");
  assert.equal(code, 0, said);
  assert.match(said, /installing Debian packages: two\n/);
});

test("setup without root names what is missing and the command that gets it", async (t) => {
  const { run, stub, calls } = tree(t);
  stub("id", "echo 1000");
  const { code, said } = await run();
  assert.equal(code, 1);
  assert.match(said, /these Debian packages are missing: libone\n.*sudo apt-get install libone\n$/s);
  assert.deepEqual(calls(), []);
});

test("setup without apt-get says what to install", async (t) => {
  const { run, dir } = tree(t);
  rmSync(join(dir, "bin/apt-get"));
  const { code, said } = await run();
  assert.equal(code, 1);
  assert.match(said, /no apt-get to install them: libone\n/);
});

test("setup without npm says how to get it", async (t) => {
  const { run, dir } = tree(t);
  rmSync(join(dir, "bin/npm"));
  const { code, said } = await run();
  assert.equal(code, 1);
  assert.match(said, /npm is missing\n.*apt-get install nodejs npm/s);
});

test("setup without flock says what to install", async (t) => {
  const { code, said } = await tree(t, { without: ["flock"] }).run();
  assert.equal(code, 1);
  assert.match(said, /flock is missing\n.*install util-linux/s);
});

test("setup shows the end of what a failed package manager said, and leaves no stamp", async (t) => {
  const { run, stub, dir } = tree(t);
  stub("npm", "echo the registry is on fire; exit 1");
  const { code, said } = await run();
  assert.equal(code, 1);
  assert.match(said, /the registry is on fire\n.*npm ci failed/s);
  assert.ok(!existsSync(join(dir, "build/ready")));
});

test("setup fetches the package lists when the first try fails", async (t) => {
  const { run, stub, calls, dir } = tree(t);
  const fresh = `[ -e ${dir}/fresh ]`;
  stub("apt-get", `case $1 in update) touch ${dir}/fresh ;; install) ${fresh} && touch ${dir}/proofs/one.a ;; esac`);
  const { code, said } = await run();
  assert.equal(code, 0, said);
  const verbs = calls()
    .filter((call) => call.startsWith("apt-get"))
    .map((call) => call.split(" ")[1]);
  assert.deepEqual(verbs.slice(-2), ["update", "install"]);
});

test("a package that is installed but does not show what it should is a failure", async (t) => {
  const { run, stub } = tree(t);
  stub("apt-get", "");
  const { code, said } = await run();
  assert.equal(code, 1);
  assert.match(said, /installed, but still not found: libone/);
});

test("two at once: one works, the other waits and finds it done", async (t) => {
  const { run, calls, stub, dir } = tree(t);
  stub("npm", `sleep 0.5; mkdir -p ${dir}/node_modules`);
  const both = await Promise.all([run(), run()]);
  assert.deepEqual(
    both.map(({ code }) => code),
    [0, 0],
  );
  assert.equal(calls().filter((call) => call === "npm ci --loglevel=error").length, 1);
  assert.equal(both.filter(({ said }) => said.includes("another set-up is running here")).length, 1);
});

test("setup --peers makes the peers root, and refuses what it does not know", async (t) => {
  const { run, calls, stub } = tree(t);
  stub("two-program", "");
  assert.equal((await run("--peers")).code, 0);
  assert.ok(calls().includes("peers setup"));
  const { code, said } = await run("--bogus");
  assert.equal(code, 2);
  assert.match(said, /tools\/setup\.sh --tests/);
});
