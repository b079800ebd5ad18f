// Defences and the tests that must fail without them: `npm run test:mutants` takes one away after the other and looks.

/** `search` is there exactly once; `replace` stands in its place. */
export interface Change {
  file: string;
  search: string;
  replace: string;
}

export interface Mutant {
  /** The CVE, or what else the defence is against; names the program that lacks it. */
  name: string;
  /** What is taken away, for people. */
  without: string;
  changes: readonly Change[];
  /** Files whose tests run with it. */
  files: readonly string[];
  /** Parts of the titles of exactly those tests that must fail. */
  fails: readonly string[];
  /** Tests that may fail as well: what they show stands on the same defence, but not always. */
  may?: readonly string[];
  /** The attack could reach the machine when nothing is in its way: its tests run in a guest of tools/vm. */
  guest?: true;
  /** What is built: runt by default; the daemon's tests want the whole of dist/bin. */
  program?: "all";
}

const DEFENCE = "test/kernel/runt/defence.test.ts";
const PROC = "test/kernel/runt/defence-proc.test.ts";
const FDS = "test/kernel/runt/defence-fds.test.ts";
const ESCAPE = "test/interop/docker/escape.test.ts";
const RACES = "test/kernel/runt/defence-races.test.ts";

/** `file` below src/linux. */
const change = (file: string, search: string, replace: string): Change => ({
  file: `src/linux/${file}`,
  search,
  replace,
});

const UNPROTECTED: Change = {
  file: "native/host.c",
  search: "if (is_guarded(a, argv)) protect_self(argv, envp);",
  replace: "(void)protect_self;",
};
const HOSTS_ROOT: readonly Change[] = [
  change("layer/confine.ts", '  sys("chroot", target, NR.chroot, ".");\n  sys("chdir", "/", NR.chdir, "/");\n', ""),
  change("layer/pipeline.ts", 'open(options.into ?? "/", O.PATH', 'open("." + (options.into ?? "/"), O.PATH'),
];
/** Whatever lies on /proc is taken for the kernel's. */
const ANY_PROC = change("sys/procfs.ts", "  if (isProcRoot(fd)) {\n", "  if (fd >= 0) {\n");
/** And at each access anew. */
const PROC_ANEW = change("sys/procfs.ts", "  if (host >= 0) return host;\n", "");
const KEPT_OPEN = change(
  "runt/exec-path.ts",
  "  let from = 3 + preserveFds;\n",
  "  let from = 3 + preserveFds;\n  if (from > 0) return;\n",
);

/** Masks go to whatever has the name when they are made. */
const MASKS_BY_PATH = change(
  "runt/masks.ts",
  "[at, type, magic] of KERNEL_TREES)",
  "[at, type, magic] of [] as never[])",
);
/** Nobody looks where process.cwd has led. */
const ANY_FOLDER = change("runt/identity.ts", "    checkFolder(cwd);\n", "");

export const MUTANTS: readonly Mutant[] = [
  {
    name: "CVE-2016-9962",
    without: "a process on its way into a container may be looked into",
    changes: [change("runt/exec.ts", "    prctl(PR.SET_DUMPABLE, 0);\n", "")],
    files: [PROC],
    fails: ["(CVE-2016-9962)"],
  },
  {
    name: "CVE-2019-5736",
    guest: true,
    without: "runt runs from its own file, not from a read-only mount",
    changes: [UNPROTECTED],
    files: [DEFENCE],
    fails: ["(CVE-2019-5736)"],
  },
  {
    name: "CVE-2019-16884",
    without: "anything may be mounted on /proc, and in it",
    changes: [
      change("runt/mounts.ts", "  checkProc(entry, path);\n", ""),
      change("runt/mounts.ts", "  checkProcTree(tree, path);\n", ""),
    ],
    files: [PROC],
    fails: ["a volume cannot stand in for /proc"],
  },
  {
    name: "CVE-2019-19921",
    without: "/proc and /sys may be links of the image (also CVE-2023-27561, CVE-2023-28642)",
    changes: [change("runt/mounts.ts", '"folder", 0o755, RESOLVE.NO_SYMLINKS)', '"folder", 0o755)'), MASKS_BY_PATH],
    files: [PROC],
    fails: ["/proc and /sys of the image must not be links"],
  },
  {
    name: "masks-by-path",
    without: "masks go to whatever is called /proc when they are made (CVE-2019-19921, CVE-2023-27561)",
    changes: [MASKS_BY_PATH],
    files: [RACES],
    fails: ["/proc exchanged for a link in a loop"],
  },
  {
    name: "CVE-2021-30465",
    guest: true,
    without: "paths are looked up below the root, but links lead anywhere",
    changes: [
      change("sys/openat2.ts", "const ALWAYS = RESOLVE.IN_ROOT | RESOLVE.NO_MAGICLINKS;", "const ALWAYS = 0;"),
      change(
        "sys/openat2.ts",
        "  how[0] = flags | CLOEXEC;\n",
        '  how[0] = flags | CLOEXEC;\n  path = path.replace(/^\\/+/, "") || ".";\n',
      ),
    ],
    files: [DEFENCE, RACES],
    fails: ["symlinks of the image do not lead", "(CVE-2021-30465", "a root whose folders are exchanged"],
    may: ["/proc exchanged", "/dev exchanged"],
  },
  {
    name: "CVE-2022-29162",
    without: "what is permitted is inheritable",
    changes: [
      change(
        "runt/identity.ts",
        "inheritable: mask(capabilities.inheritable) & have",
        "inheritable: mask(capabilities.permitted) & have",
      ),
    ],
    files: [PROC],
    fails: ["(CVE-2022-29162)"],
  },
  {
    name: "CVE-2024-21626-inherited",
    without: "what the caller has open is passed on",
    changes: [KEPT_OPEN],
    files: [FDS],
    fails: ["run and exec", "create and start", "with a terminal", "a created container", "what is about to become"],
  },
  {
    name: "CVE-2024-21626-hooks",
    without: "what the caller has open is passed on to hooks",
    changes: [change("runt/hooks.ts", "native.syscall(NR.close_range, 3, 0xffffffff, CLOSE_RANGE_CLOEXEC);", "")],
    files: [FDS],
    fails: ["reaches hooks"],
  },
  {
    name: "CVE-2024-21626-folder",
    without: "nobody looks where process.cwd has led",
    changes: [ANY_FOLDER],
    files: [FDS],
    fails: ["process.cwd outside of the root is refused"],
  },
  {
    name: "CVE-2024-21626-both",
    without: "a folder of the host stays open, and nobody looks where process.cwd has led",
    changes: [ANY_FOLDER, KEPT_OPEN],
    files: [FDS],
    fails: [
      "run and exec",
      "create and start",
      "with a terminal",
      "process.cwd",
      "a created container",
      "what is about to become",
    ],
  },
  {
    name: "looked-at-by-hooks",
    without: "hooks of the image may look into the process that they belong to",
    changes: [change("runt/init.ts", 'if (!plan.namespaces.own.has("user")) prctl(PR.SET_DUMPABLE, 0);', "")],
    files: [FDS],
    fails: ["what is about to become"],
  },
  {
    name: "CVE-2024-45310",
    guest: true,
    without: "missing folders are made by the path",
    changes: [
      change(
        "sys/openat2.ts",
        "return openInRootIfThere(root, path, O.PATH, resolve) ?? make(root, path, missing, mode, resolve, 0);",
        'const there = openInRootIfThere(root, path, O.PATH, resolve);\n  if (there !== undefined) return there;\n  mkdirs("/proc/self/fd/" + root + "/" + path.slice(0, path.lastIndexOf("/")));\n  return make(root, path, missing, mode, resolve, 0);',
      ),
      change("sys/openat2.ts", "import { close, mkdir,", "import { close, mkdir, mkdirs,"),
    ],
    files: [RACES],
    fails: ["CVE-2024-45310"],
  },
  {
    name: "CVE-2025-31133",
    guest: true,
    without: "files are masked by what the container calls /dev/null",
    changes: [
      change("runt/masks.ts", "masks.nothing = openVerifiedNull();", 'masks.nothing = openInRoot(root, "/dev/null");'),
      change(
        "runt/masks.ts",
        "function mask(base: Base, masks: Masks)",
        "function mask(base: Base, masks: Masks, root: number)",
      ),
      change("runt/masks.ts", "mask(trees.baseOf(path), masks);", "mask(trees.baseOf(path), masks, context.root);"),
    ],
    files: [DEFENCE],
    fails: ["(CVE-2025-31133)"],
  },
  {
    name: "CVE-2025-52565-target",
    guest: true,
    without: "/dev/console may be a link",
    changes: [change("runt/console.ts", '"file", 0o600, RESOLVE.NO_SYMLINKS)', '"file", 0o600)')],
    files: [PROC],
    fails: ["a link of the image at /dev/console"],
  },
  {
    name: "CVE-2025-52565-source",
    guest: true,
    without: "the terminal is what the container has at /dev/pts/<n>",
    changes: [
      change(
        "runt/console.ts",
        'const tree = cloneTree("", false, slave);',
        'const tree = cloneTree("", false, openInRootIfThere(context.root, readlink("/proc/self/fd/" + slave))!);',
      ),
      change("runt/console.ts", "import { close, dup3, Fd, O, open }", "import { close, dup3, Fd, O, open, readlink }"),
    ],
    files: [PROC],
    fails: ["what the image has at /dev/pts/<n>", "a link of the image at /dev/console"],
  },
  {
    name: "CVE-2025-52881-create",
    guest: true,
    without: "kernel parameters are written through what the container calls /proc",
    changes: [
      ANY_PROC,
      PROC_ANEW,
      change("runt/init.ts", "run: () => applySysctls(sysctl),", "run: () => {},"),
      change(
        "runt/init.ts",
        "  if (process.rlimits?.length) {\n",
        '  if (sysctl) add("", "", () => applySysctls(sysctl));\n  if (process.rlimits?.length) {\n',
      ),
    ],
    files: [PROC],
    fails: ["nothing is written through the container's own /proc"],
  },
  {
    name: "CVE-2025-52881-exec",
    guest: true,
    without: "exec writes through what the container calls /proc",
    changes: [
      ANY_PROC,
      PROC_ANEW,
      change("runt/exec.ts", "    if (score !== undefined && score !== null) setOomScore(score, warn);\n", ""),
      change(
        "runt/exec.ts",
        "    setRlimits(process, warn);\n",
        "    setRlimits(process, warn);\n    if (score !== undefined && score !== null) setOomScore(score, warn);\n",
      ),
    ],
    files: [PROC],
    fails: ["nothing is written through the container's own /proc"],
  },
  {
    name: "CVE-2025-52881-handle",
    guest: true,
    without: "what lies on /proc, and on what is in it, is not looked at",
    changes: [
      ANY_PROC,
      change("sys/procfs.ts", "RESOLVE.BENEATH | RESOLVE.NO_XDEV | RESOLVE.NO_MAGICLINKS", "RESOLVE.BENEATH"),
    ],
    files: ["test/kernel/runt/procfs.test.ts"],
    fails: ["what lies on a kernel parameter", "over all of /proc"],
    // on cgroup v2 nobody asks that file
    may: ["what lies on a file of /proc"],
  },
  {
    name: "seccomp-cache-file",
    without: "a cached filter is used whoever owns it",
    changes: [
      change(
        "seccomp/cache.ts",
        "return isOurs(fstat(file.value)) ? file.release() : undefined;",
        "return file.release();",
      ),
    ],
    files: [DEFENCE],
    fails: ["a program that others may write to"],
  },
  {
    name: "seccomp-cache-folder",
    without: "the folder of cached filters may be anybody's",
    changes: [change("seccomp/cache.ts", "if (!isOurs(stat(cache))) return undefined;", "")],
    files: [DEFENCE],
    fails: ["nothing is taken from a folder"],
  },
  {
    name: "state",
    without: "what is made in the state folder has the caller's umask alone",
    changes: [change("sys/socket.ts", 'sys("set the mode of", path, NR.fchmod, socket.value, 0o600);', "")],
    files: [DEFENCE],
    fails: ["the state of a container is for its owner alone"],
  },
  {
    name: "CVE-2019-5736-shim",
    without: "shims run from their own file, not from a read-only mount",
    guest: true,
    program: "all",
    changes: [UNPROTECTED],
    files: [ESCAPE],
    fails: ["(CVE-2019-5736)"],
  },
  {
    name: "CVE-2018-15664",
    without: "the agent follows links of a container wherever they lead",
    guest: true,
    program: "all",
    changes: [
      change("agent/tree.ts", "0n, BigInt(RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)]", "0n, 0n]"),
      change("agent/tree.ts", 'path === "" ? "." : path, how, 24', 'path.replace(/^\\/+/, "") || ".", how, 24'),
    ],
    files: [ESCAPE],
    fails: ["links of a container lead the archive requests nowhere"],
    may: ["links that are swapped during cp"],
  },
  {
    name: "CVE-2021-41089",
    without: "the unpacker has the host's root, and gives a hard link the entry's mode",
    guest: true,
    program: "all",
    changes: [
      ...HOSTS_ROOT,
      change(
        "layer/unpack.ts",
        "return native.syscall(NR.linkat, from, cName(nameOf(target)), this.#folders.at(parentOf(path)), cName(base), 0);",
        "const at = this.#folders.at(parentOf(path));\n      const made = native.syscall(NR.linkat, from, cName(nameOf(target)), at, cName(base), 0);\n      native.syscall(NR.fchmodat, at, cName(base), entry.mode & 0o7777);\n      return made;",
      ),
    ],
    files: [ESCAPE],
    fails: ["(CVE-2021-41089)"],
    // a matter of luck, mostly of a second
    may: ["links that are swapped during cp"],
  },
  {
    name: "CVE-2019-14271",
    without: "the agent looks for a library where the container has its own",
    guest: true,
    program: "all",
    changes: [
      change(
        "agent/ops/archive.ts",
        "  const told = describe(root.value, path, found);\n",
        '  const told = describe(root.value, path, found);\n  try { openInTree(root.value, "/lib/libnss_files.so.2", O.RDONLY); } catch {}\n',
      ),
    ],
    files: [ESCAPE],
    fails: ["(CVE-2019-14271)"],
  },
];
