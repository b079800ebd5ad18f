// The host's side of tools/vm: wakes the guest, hands it one command, passes streams and exit code on. tools/vm says how to call it.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, realpathSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { parseArgs } from "node:util";

const HERE = import.meta.dirname;
const DIR = process.env.VM_DIR || "/var/lib/vm";

/** What keeps the guest from running the command at all; exit code 125 unless another is told. */
class VmError extends Error {
  readonly code: number;
  constructor(text: string, code = 125) {
    super(text);
    this.code = code;
  }
}

interface Frame {
  /** R ready, A awake, 1 and 2 output, X exit code: tools/vm-agent.py. */
  kind: string;
  data: Buffer;
}

interface Share {
  host: string;
  guest: string;
  /** copy: what is there is a copy in the guest's own file system. */
  mode: "rw" | "ro" | "copy";
}

const MODES: readonly string[] = ["rw", "ro", "copy"] satisfies Share["mode"][];

interface Options {
  shares: Share[];
  memory: number;
  network: boolean;
  /** Seconds. */
  limit: number;
  input: boolean;
  user: boolean;
  /** More words for the kernel: it boots anew then. */
  kernel: string;
}

/** A running qemu; the console's end is what an error says. */
class Guest {
  readonly #process: ChildProcess;
  readonly #agent: Duplex;
  readonly #closed: Promise<number | null>;
  #console = "";

  constructor(how: "wake" | "boot" | "keep", options: Pick<Options, "memory" | "network" | "shares" | "kernel">) {
    const { memory, network, shares, kernel } = options;
    // qemu ends with this process, however that ends
    const program = ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child"];
    const parts = [how, snapshotOf(memory), String(memory), network ? "off" : "on"];
    const folders = shares.flatMap(({ host, mode }) => [host, mode === "rw" ? "rw" : "ro"]);
    const [setpriv, ...args] = [...program, "--mount-proc", join(HERE, "vm-host.sh"), ...parts, ...folders];
    const stdio = ["pipe", "pipe", "pipe", "pipe", "pipe"] as const;
    this.#process = spawn(setpriv!, args, {
      stdio: [...stdio],
      env: { ...process.env, VM_DIR: DIR, VM_KERNEL: kernel },
      detached: true,
    });
    // Node's pipes are socket pairs, which is what qemu wants
    this.#agent = this.#process.stdio[3] as Duplex;
    const note = (data: Buffer) => {
      this.#console = (this.#console + data.toString()).slice(-4000);
    };
    for (const at of [1, 2, 4]) this.#process.stdio[at]!.on("data", note).on("error", () => {});
    this.#agent.on("error", () => {});
    this.#process.stdin!.on("error", () => {});
    this.#closed = new Promise((resolve, reject) => this.#process.on("error", reject).on("close", resolve));
    this.#closed.catch(() => {});
  }

  send(kind: string, data: Uint8Array = new Uint8Array()): void {
    const head = Buffer.alloc(5);
    head.write(kind);
    head.writeUInt32BE(data.length, 1);
    this.#agent.write(Buffer.concat([head, data]));
  }

  monitor(lines: readonly string[]): void {
    this.#process.stdin!.write(lines.map((line) => `${line}\n`).join(""));
  }

  /** Frames in order, until the channel ends. */
  async *frames(): AsyncGenerator<Frame> {
    let rest = Buffer.alloc(0);
    for await (const chunk of this.#agent) {
      rest = Buffer.concat([rest, chunk as Buffer]);
      while (rest.length >= 5 && rest.length >= 5 + rest.readUInt32BE(1)) {
        const end = 5 + rest.readUInt32BE(1);
        yield { kind: rest.toString("latin1", 0, 1), data: rest.subarray(5, end) };
        rest = rest.subarray(end);
      }
    }
    await this.#closed;
    throw new VmError(`the guest has ended: ${this.#console.trim()}`);
  }

  async ended(): Promise<void> {
    const code = await this.#closed;
    if (code !== 0) throw new VmError(`qemu failed: ${this.#console.trim()}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#closed.catch(() => {});
  }
}

const snapshotOf = (memory: number) => `snap-${memory}`;

async function expect(frames: AsyncGenerator<Frame>, kind: string): Promise<void> {
  const { value } = await frames.next();
  if (value?.kind !== kind) throw new VmError(`the guest's agent said ${value?.kind}, not ${kind}`);
}

/** Boots, and keeps memory, disk and devices as they are once the machine has settled. Callers hold the lock. */
async function keep(memory: number): Promise<void> {
  if (existsSync(join(DIR, snapshotOf(memory)))) return;
  await using guest = new Guest("keep", { memory, network: false, shares: [], kernel: "" });
  await expect(guest.frames(), "R");
  guest.monitor([`migrate file:${snapshotOf(memory)}.new/state`, "quit"]);
  await guest.ended();
}

function keptOnce(memory: number): void {
  if (existsSync(join(DIR, snapshotOf(memory)))) return;
  const own = [process.execPath, import.meta.filename, "keep", String(memory)];
  const { status } = spawnSync("flock", [join(DIR, "lock"), ...own], { stdio: ["ignore", "inherit", "inherit"] });
  if (status !== 0) throw new VmError(`the guest with ${memory} MB could not be booted`);
}

const quote = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

/** Shell commands for the guest: mounts what is shared (a device takes a moment to appear), then becomes the command. */
function script(shares: readonly Share[]): string {
  const lines = shares.map(({ guest, mode }, i) => {
    const at = mode === "copy" ? `/run/vm-share${i}` : quote(guest);
    const mount = `mount -t virtiofs -o ${mode === "rw" ? "rw" : "ro"} share${i} ${at} 2> /dev/null`;
    const wait = `mkdir -p ${at}; for n in $(seq 200); do ${mount} && break; sleep .05; done; mountpoint -q ${at} || exit 125`;
    if (mode !== "copy") return wait;
    return `${wait}; mkdir -p ${quote(guest)} && cp -r ${at}/. ${quote(guest)} && umount ${at} && rmdir ${at} || exit 125`;
  });
  return [`export TERM=${quote(process.env.TERM ?? "linux")}`, ...lines, 'exec "$@"'].join("\n");
}

async function run(options: Options, words: string[]): Promise<number> {
  const { shares, limit, input } = options;
  const cold = Boolean(process.env.VM_COLD) || options.kernel !== "";
  if (!cold) keptOnce(options.memory);
  const argv = options.user ? ["runuser", "-l", "-c", words.map(quote).join(" "), "user"] : words;
  await using guest = new Guest(cold ? "boot" : "wake", options);
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new VmError(`time limit of ${limit} s reached`, 124)), limit * 1000);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.once(signal, () => reject(new VmError(`ended by ${signal}`, 130)));
  const work = async () => {
    const frames = guest.frames();
    if (cold) await expect(frames, "R");
    guest.send("W");
    await expect(frames, "A");
    guest.monitor(shares.map((_, i) => `device_add vhost-user-fs-pci,chardev=share${i},tag=share${i}`));
    const command = [Date.now() / 1000, shares.length > 0, ["sh", "-c", script(shares), "vm", ...argv]];
    guest.send("C", Buffer.from(JSON.stringify(command)));
    if (input) process.stdin.on("data", (data: Buffer) => guest.send("I", data)).on("end", () => guest.send("I"));
    else guest.send("I");
    for await (const { kind, data } of frames) {
      if (kind === "1") process.stdout.write(data);
      else if (kind === "2") process.stderr.write(data);
      else if (kind === "X") return Number(data.toString());
    }
    throw new VmError("the guest's agent has ended");
  };
  try {
    return await Promise.race([work(), late]);
  } finally {
    clearTimeout(timer);
    process.stdin.destroy();
  }
}

async function shell(options: Options): Promise<number> {
  if (!process.stdin.isTTY) throw new VmError("shell wants a terminal");
  const { columns = 80, rows = 24 } = process.stdout;
  process.stdin.setRawMode(true);
  try {
    return await run({ ...options, input: true }, [
      ...["script", "-qec", `stty rows ${rows} cols ${columns}; exec bash -l`, "/dev/null"],
    ]);
  } finally {
    process.stdin.setRawMode(false);
  }
}

function shareOf(text: string): Share {
  const [host = "", guest = "", mode = "rw", ...more] = text.split(":");
  if (!host || !guest.startsWith("/") || !MODES.includes(mode) || more.length > 0)
    throw new VmError(`-f ${text}: HOST:GUEST[:ro|:copy] is wanted`);
  if (!statSync(host, { throwIfNoEntry: false })?.isDirectory()) throw new VmError(`no such folder: ${host}`);
  return { host: realpathSync(host), guest, mode: mode as Share["mode"] };
}

function positive(text: string | undefined, otherwise: number, name: string): number {
  const number = Number(text ?? otherwise);
  if (!(number > 0)) throw new VmError(`${name} ${text}: a number above zero is wanted`);
  return number;
}

function parse(words: string[]): { options: Options; command: string[] } {
  // options end at the command's name, whose own options are not ours
  let end = 0;
  while (end < words.length && words[end]!.startsWith("-") && words[end] !== "--")
    end += /^-[fkmt]$/.test(words[end]!) ? 2 : 1;
  const { values } = parseArgs({
    args: words.slice(0, end),
    options: {
      folder: { type: "string", short: "f", multiple: true },
      user: { type: "boolean", short: "u" },
      input: { type: "boolean", short: "i" },
      network: { type: "boolean", short: "n" },
      kernel: { type: "string", short: "k" },
      memory: { type: "string", short: "m" },
      time: { type: "string", short: "t" },
    },
  });
  const options: Options = {
    shares: (values.folder ?? []).map(shareOf),
    memory: Math.round(positive(values.memory, 2048, "-m")),
    limit: positive(values.time, 600, "-t"),
    network: values.network ?? false,
    input: values.input ?? false,
    user: values.user ?? false,
    kernel: values.kernel ?? "",
  };
  return { options, command: words.slice(words[end] === "--" ? end + 1 : end) };
}

async function main(): Promise<number> {
  const [verb, ...words] = process.argv.slice(2);
  if (verb === "keep") {
    await keep(Number(words[0]));
    return 0;
  }
  const { options, command } = parse(words);
  mkdirSync(DIR, { recursive: true });
  closeSync(openSync(join(DIR, "lock"), "a"));
  if (verb === "shell") return await shell(options);
  if (command.length === 0) throw new VmError("run what?", 2);
  return await run(options, command);
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`vm: ${error instanceof Error ? error.message : error}\n`);
  process.exitCode = error instanceof VmError ? error.code : 125;
}
