// cp both ways beside the real docker CLI's: the same trees come out; a hostile archive stays where it belongs.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { build, Daemon } from "../e2e/daemon.ts";
import { execute } from "./program.ts";

let daemon: Daemon;
let files: string;
before(async () => {
  build();
  daemon = await Daemon.start();
  await daemon.busybox();
  files = join(daemon.dir, "files");
  const script = `mkdir -p ${files}/tree/sub; cd ${files}; echo one > one; chmod 640 one; echo two > tree/two; echo x > 'tree/ü name'
    ln -s two tree/link; ln -s /etc/passwd tree/away; head -c 3000000 /dev/urandom > tree/sub/big; ln -s one to-one; chmod 1777 tree/sub`;
  assert.equal((await execute(["sh", "-c", script])).stderr, "");
  await daemon.ok("create", "--name", "box", "--network", "none", "busybox", "true");
});
after(() => daemon[Symbol.asyncDispose]());

type Cli = (args: readonly string[]) => ReturnType<Daemon["wharf"]>;
const ours: Cli = (args) => daemon.wharf(args);
const theirs: Cli = (args) => daemon.docker(args);

/** What lies below a folder: kinds, modes, links, content. */
async function listing(folder: string): Promise<string> {
  const script = "cd $0 && find . -printf '%P %y %m %l\\n' | sort && find . -type f | sort | xargs -d '\\n' -r md5sum";
  return (await execute(["sh", "-c", script, folder])).stdout;
}

test("into a container and out again: files, folders, contents, new names", async () => {
  const cases: [string, string][] = [
    ["one", "/w/"],
    ["one", "/w/renamed"],
    ["tree", "/w"],
    ["tree", "/w/fresh"],
    ["tree/.", "/w/content"],
    ["to-one", "/w/"],
    ["tree/", "/w/slash"],
  ];
  const seen: string[] = [];
  for (const [at, cli] of [ours, theirs].entries()) {
    const name = `in${at}`;
    await daemon.ok("run", "--name", name, "--network", "none", "busybox", "mkdir", "-p", "/w/content");
    for (const [from, to] of cases) {
      const { code, stderr } = await cli(["cp", `${files}/${from}`, `${name}:${to}`]);
      assert.equal(code, 0, `${from} ${to}: ${stderr}`);
    }
    const out = join(daemon.dir, `out${at}`);
    mkdirSync(join(out, "there"), { recursive: true });
    for (const [from, to] of [
      ["/w", "all"],
      ["/w/renamed", "there"],
      ["/w/fresh/.", "there"],
      ["/w/renamed", "there/other"],
      ["/w/to-one", "there/l"],
    ]) {
      const { code, stderr } = await cli(["cp", `${name}:${from}`, join(out, to!)]);
      assert.equal(code, 0, `${from} ${to}: ${stderr}`);
    }
    seen.push(await listing(out));
    await daemon.ok("rm", name);
  }
  assert.match(seen[0]!, /^all\/fresh\/sub\/big f 644 $/m);
  assert.equal(seen[0], seen[1]);
});

test("-L, tars by stdin and stdout, what cannot be", async () => {
  const out = join(daemon.dir, "tar");
  mkdirSync(out);
  assert.equal((await ours(["cp", "-L", join(files, "to-one"), "box:/real"])).code, 0);
  const tar = `"$0" cp box:/real - | tar -C ${out} -xf - && tar -C ${files} -cf - tree | "$0" cp - box:/tmp && "$0" cp box:/tmp/tree/two ${out}/two`;
  const piped = await execute(["sh", "-c", tar, join(daemon.env.PATH!.split(":")[0]!, "wharf")], { env: daemon.env });
  assert.equal(piped.stderr, "");
  assert.equal(readFileSync(join(out, "real"), "utf8"), "one\n");
  assert.equal(readFileSync(join(out, "two"), "utf8"), "two\n");
  for (const args of [
    ["box:/nonexistent", out],
    ["/no/such/file", "box:/"],
    ["nosuch:/x", out],
    [join(files, "one"), "nosuch:/x"],
    ["box:/etc", join(files, "one")],
    [join(files, "tree"), "box:/etc/passwd"],
    [join(files, "one"), "box:/no/such/dir"],
    ["a", "b"],
    ["box:/a", "box:/b"],
  ]) {
    const [mine, real] = await Promise.all([ours(["cp", ...args]), theirs(["cp", ...args])]);
    assert.notEqual(mine.code, 0, args.join(" "));
    assert.notEqual(real.code, 0, args.join(" "));
    assert.match(mine.stderr, /^wharf: \S/, args.join(" "));
  }
});

test("links in a container lead nowhere outside the copy", async () => {
  const outside = join(daemon.dir, "outside");
  mkdirSync(outside);
  const script = `mkdir -p /h/d; ln -s ${outside} /h/d/out; ln -s /../../../../../..${outside} /h/d/up`;
  await daemon.ok("run", "--name", "hos", "--network", "none", "busybox", "sh", "-c", script);
  await daemon.ok("cp", "hos:/h", join(daemon.dir, "hostile"));
  // The same names again, now as folders with a file: what lies there from before are links out.
  await daemon.ok(
    "run",
    "--name",
    "h2",
    "--network",
    "none",
    "busybox",
    "sh",
    "-c",
    "mkdir -p /h/d/out; echo x > /h/d/out/f",
  );
  const again = await ours(["cp", "h2:/h/.", join(daemon.dir, "hostile")]);
  assert.equal(again.code, 1);
  assert.match(again.stderr, /cannot overwrite non-directory/);
  assert.equal(await listing(outside), " d 755 \n");
});
