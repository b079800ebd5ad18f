// wharf cp: files between a container and this machine.
import { bool } from "../../../common/cli/flags.ts";
import { humanSize } from "../../../common/cli/units.ts";
import { isCode, WharfError } from "../../../common/errors.ts";
import { basename, dirname, join } from "../../../common/path.ts";
import { AT_SYMLINK_NOFOLLOW, close, Fd, pipe, S_IFDIR, S_IFMT, stat, statIfThere, writeAll } from "../../sys/fs.ts";
import { blockSignals } from "../../sys/loop.ts";
import { exit, fork, SIGNALS, wait } from "../../sys/process.ts";
import { type Cli, command } from "../cli.ts";
import { pathName } from "../container/each.ts";
import { packTree } from "../copy/pack.ts";
import { unpackTree } from "../copy/unpack.ts";
import { report } from "../errors.ts";
import { pieces } from "../http/upload.ts";
import { fromBase64 } from "../image/auth.ts";
import { checkArchiveOutput, download } from "../stream/download.ts";

/** Go's bits for directory and link. */
const GO_DIR = 2 ** 31;
const GO_LINK = 2 ** 27;

interface PathStat {
  readonly name: string;
  readonly mode: number;
  readonly linkTarget: string;
}

const has = (mode: number, bit: number) => Math.floor(mode / bit) % 2 === 1;
const isDirectory = ({ mode }: PathStat) => has(mode, GO_DIR);

/** `NAME:PATH`; a path that begins with / or . is one of this machine. */
function splitPlace(text: string): { container: string | undefined; path: string } {
  const colon = text.indexOf(":");
  if (colon <= 0 || /^[/.]/.test(text)) return { container: undefined, path: text };
  return { container: text.slice(0, colon), path: text.slice(colon + 1) };
}

function readStat(header: string | undefined): PathStat {
  if (header === undefined) throw new WharfError("Unavailable", "the daemon does not say what the path is");
  return JSON.parse(native.utf8(fromBase64(header))) as PathStat;
}

const STAT = "x-docker-container-path-stat";
const endsInside = (path: string) => path === "." || path.endsWith("/.") || path === "/";

async function statInside(cli: Cli, container: string, path: string): Promise<PathStat | undefined> {
  try {
    using response = await cli.api.request("HEAD", `/containers/${pathName(container)}/archive`, { query: { path } });
    return readStat(response.head.headers.get(STAT));
  } catch (error) {
    // The answer has no body: whether it is the container that is not there shows in the next request.
    if (isCode(error, "NotFound")) return undefined;
    throw error;
  }
}

/** Runs `work` in a child with one end of a pipe, the caller has the other. */
function inChild(cli: Cli, give: "reader" | "writer", work: (fd: number) => void): { fd: Fd; done: () => number } {
  const [reader, writer] = pipe();
  const [own, theirs] = give === "reader" ? [writer, reader] : [reader, writer];
  blockSignals([SIGNALS.PIPE]);
  const pid = fork();
  if (pid === 0) {
    close(own);
    try {
      work(theirs);
    } catch (error) {
      exit(report(cli, error, "wharf cp"));
    }
    exit(0);
  }
  close(theirs);
  return { fd: new Fd(own), done: () => wait(pid)!.status };
}

async function copyOut(cli: Cli, container: string, path: string, to: string, follow: boolean): Promise<number> {
  let from = path;
  if (follow) {
    const info = await statInside(cli, container, from);
    if (info && has(info.mode, GO_LINK) && info.linkTarget !== "") from = info.linkTarget;
  }
  if (to === "-") checkArchiveOutput(cli, "", "redirect stdout: … - >FILE");
  using response = await cli.api.request("GET", `/containers/${pathName(container)}/archive`, {
    query: { path: from },
    doing: "copy from container",
  });
  if (to === "-") return await download(response, "");
  const info = readStat(response.head.headers.get(STAT));
  const there = statIfThere(to);
  const intoDir = there !== undefined && (there.mode & S_IFMT) === S_IFDIR;
  if (there && !intoDir && isDirectory(info))
    throw new WharfError("FailedPrecondition", `cannot copy a directory to the file ${JSON.stringify(to)}`);
  if (!there && to.endsWith("/") && !isDirectory(info))
    throw new WharfError("NotFound", `no such directory: ${JSON.stringify(to)}`);
  const bare = to.replace(/\/+$/, "") || "/";
  const folder = intoDir ? bare : dirname(bare);
  // After a link's renaming the copy is called as the user said.
  const into = !intoDir ? basename(bare) : endsInside(path) ? "" : basename(path.replace(/\/+$/, ""));
  const child = inChild(cli, "reader", (fd) => unpackTree(fd, folder, info.name, into));
  let size = 0;
  let broken: unknown;
  try {
    await response.each((piece) => {
      size += piece.length;
      writeAll(child.fd.value, piece);
    });
  } catch (error) {
    broken = error;
  }
  child.fd[Symbol.dispose]();
  const code = child.done();
  if (code !== 0) return code;
  if (broken !== undefined) throw broken;
  if (cli.isTerminal(2)) cli.err(`Successfully copied ${humanSize(size, 3)} to ${to}\n`);
  return 0;
}

async function copyIn(
  cli: Cli,
  from: string,
  container: string,
  path: string,
  options: { archive: boolean; follow: boolean },
): Promise<number> {
  let to = path === "" ? "/" : path;
  let info = await statInside(cli, container, to);
  if (info && has(info.mode, GO_LINK) && info.linkTarget !== "") {
    to = info.linkTarget;
    info = await statInside(cli, container, to);
  }
  const put = async (folder: string, source: Iterable<Uint8Array>): Promise<void> => {
    const query = { path: folder, noOverwriteDirNonDir: "true", copyUIDGID: options.archive };
    const headers = { "Content-Type": "application/x-tar" };
    const target = `/containers/${pathName(container)}/archive`;
    using response = await cli.api.upload("PUT", target, { query, headers, doing: "copy to container" }, source);
    await response.each(() => undefined);
  };
  if (from === "-") {
    if (info && !isDirectory(info)) throw new WharfError("FailedPrecondition", `${container}:${path} is no directory`);
    await put(to, pieces(0));
    return 0;
  }
  const bare = from.replace(/\/+$/, "") || "/";
  const local = stat(from, options.follow || from.endsWith("/") ? 0 : AT_SYMLINK_NOFOLLOW);
  const localDir = (local.mode & S_IFMT) === S_IFDIR;
  if (info && !isDirectory(info) && localDir)
    throw new WharfError("FailedPrecondition", `cannot copy a directory to the file ${container}:${path}`);
  if (!info && to.endsWith("/") && !localDir)
    throw new WharfError("NotFound", `no such directory: ${container}:${path}`);
  const intoDir = info !== undefined && isDirectory(info);
  const clean = to.replace(/\/+$/, "") || "/";
  const folder = intoDir ? clean : dirname(clean);
  const name = !intoDir ? basename(clean) : endsInside(from) ? "." : basename(bare);
  const child = inChild(cli, "writer", (fd) =>
    packTree(fd, endsInside(from) ? join(from, ".") : bare, name, options.follow),
  );
  using fd = child.fd;
  let size = 0;
  const counted = function* () {
    for (const piece of pieces(fd.value)) {
      size += piece.length;
      yield piece;
    }
    // A tar that breaks off must not pass for a whole one.
    const code = child.done();
    if (code !== 0) exit(code);
  };
  await put(folder, counted());
  if (cli.isTerminal(2)) cli.err(`Successfully copied ${humanSize(size, 3)} to ${container}:${path}\n`);
  return 0;
}

export const cp = command({
  name: "cp",
  summary: "Copy files between a container and this machine",
  description:
    "One of both is CONTAINER:PATH, also of a container that does not run. A directory goes into one that is there, unless its path ends in /. which means its content. With - a tar comes from stdin or goes to stdout.",
  usage: "CONTAINER:PATH FILE|- | FILE|- CONTAINER:PATH",
  args: { min: 2, max: 2 },
  section: "containers",
  completes: "containerPaths",
  flags: {
    archive: bool("Keep the owner (into a container)", { short: "a" }),
    "follow-link": bool("What a link leads to instead of the link", { short: "L" }),
    quiet: bool("Say nothing", { short: "q", hidden: true }),
  },
  examples: [
    { what: "A file out of it", line: "cp web:/etc/hosts ." },
    { what: "The content of a folder into it", line: "cp site/. web:/srv" },
  ],
  run: async (cli, { flags, args }) => {
    const from = splitPlace(args[0]!);
    const to = splitPlace(args[1]!);
    if (from.container !== undefined && to.container !== undefined)
      throw new WharfError("Unimplemented", "copying between containers is not supported", {
        hint: "wharf cp A:PATH - | wharf cp - B:PATH",
      });
    if (from.container !== undefined)
      return await copyOut(cli, from.container, from.path, to.path, flags["follow-link"]);
    if (to.container !== undefined) {
      const options = { archive: flags.archive, follow: flags["follow-link"] };
      return await copyIn(cli, from.path, to.container, to.path, options);
    }
    throw new WharfError("InvalidArgument", "neither of both is a container's", {
      hint: "write CONTAINER:PATH for one",
    });
  },
});
