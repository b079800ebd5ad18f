// Output to a logging program (containerd's `binary://PATH?ARG…`): it reads stdout on 3 and stderr on 4, and closes 5 when it is
// ready. The process writes straight into its pipes.
import { WharfError } from "../../../common/errors.ts";
import { sys } from "../../sys/call.ts";
import { close, pipe } from "../../sys/fs.ts";
import { clearSignalMask, loop } from "../../sys/loop.ts";
import { NR } from "../../sys/nr.ts";
import { environment, exec, exit, fork, SIGNALS } from "../../sys/process.ts";
import { placeDescriptors, type Stdio } from "../child.ts";
import { warn } from "../log.ts";
import type { Reaper } from "../reaper.ts";
import { openInput } from "./fifo.ts";
import type { ProcessIO, StdioSpec } from "./io.ts";
import { Relay } from "./relay.ts";
import type { OutputUri } from "./uri.ts";

const AT_FDCWD = -100;
const X_OK = 1;
const ASK_MS = 500;
const KILL_MS = 10_000;
const READY_MS = 10_000;

export class BinaryIO implements ProcessIO {
  readonly #reaper: Reaper;
  readonly #spec: StdioSpec;
  readonly #uri: OutputUri;
  readonly #env: readonly string[];
  #pid = 0;
  #given: number[] = [];
  #ready = -1;
  #terminalOut = -1;
  #fds: number[] = [];
  #relays: Relay[] = [];
  #stdin = -1;
  #gone: (() => void) | undefined;

  /** `id`: the container's or exec's. */
  constructor(reaper: Reaper, spec: StdioSpec, uri: OutputUri, id: string, namespace: string) {
    this.#reaper = reaper;
    this.#spec = spec;
    this.#uri = uri;
    this.#env = [`CONTAINER_ID=${id}`, `CONTAINER_NAMESPACE=${namespace}`];
  }

  #start(stdout: number, stderr: number, ready: number): void {
    const { path, query } = this.#uri;
    const args = [path, ...query.flatMap(([name, value]) => (value === "" ? [name] : [name, value]))];
    const env = [...[...environment()].map(([name, value]) => `${name}=${value}`), ...this.#env];
    const hold = this.#reaper.hold();
    const pid = fork();
    if (pid === 0) {
      try {
        clearSignalMask();
        placeDescriptors([undefined, undefined, undefined, stdout, stderr, ready]);
        exec(path, args, env);
      } catch {
        // the closed pipe tells: nothing ever becomes ready
      }
      exit(127);
    }
    this.#pid = pid;
    this.#reaper.watch(pid, ({ status }) => {
      this.#pid = 0;
      if (status !== 0) warn(`logging program ${path} exited with ${status}`);
      this.#gone?.();
    });
    hold[Symbol.dispose]();
  }

  open(): Stdio {
    const { path } = this.#uri;
    sys("execute logging program", path, NR.faccessat, AT_FDCWD, path, X_OK);
    const [outReader, outWriter] = pipe();
    const [errReader, errWriter] = pipe();
    const [readyReader, readyWriter] = pipe();
    this.#given = [outWriter, errWriter];
    this.#ready = readyReader;
    this.#start(outReader, errReader, readyWriter);
    for (const fd of [outReader, errReader, readyWriter]) close(fd);
    let input: number | undefined;
    if (this.#spec.stdin !== "") {
      const ends = openInput(this.#spec.stdin);
      this.#stdin = ends.held;
      this.#given.push(ends.given);
      input = ends.given;
    }
    if (!this.#spec.terminal) return [input, outWriter, errWriter];
    return [undefined, undefined, undefined];
  }

  /** Waits until the program says that it is ready, by closing its descriptor 5. */
  async ready(): Promise<void> {
    const fd = this.#ready;
    if (fd < 0) return;
    this.#ready = -1;
    const late = loop()
      .sleep(READY_MS)
      .then(() => "late");
    const came = await Promise.race([loop().readable(fd), late]);
    close(fd);
    if (came === "late") throw new WharfError("DeadlineExceeded", `logging program ${this.#uri.path} is not ready`);
  }

  launched(master: number | undefined): void {
    if (master !== undefined) {
      const [stdout, stderr, stdin] = this.#given;
      this.#given = [stderr!];
      this.#terminalOut = stdout!;
      this.#fds.push(master);
      this.#relays.push(new Relay(master, stdout!, { splice: true, onEnd: () => this.#endOutput() }));
      if (stdin !== undefined) {
        this.#fds.push(stdin);
        this.#relays.push(new Relay(stdin, master, { splice: true }));
      }
    }
    for (const fd of this.#given) close(fd);
    this.#given = [];
  }

  /** The program sees the end of its input. */
  #endOutput(): void {
    if (this.#terminalOut >= 0) close(this.#terminalOut);
    this.#terminalOut = -1;
  }

  closeStdin(): void {
    if (this.#stdin >= 0) close(this.#stdin);
    this.#stdin = -1;
  }

  exited(): void {
    for (const relay of this.#relays) relay.pump();
  }

  async drained(): Promise<void> {}

  /** The end of its input should end the program; it is asked to after half a second, and killed after ten. */
  close(): void {
    for (const relay of this.#relays) relay.stop();
    this.closeStdin();
    for (const fd of [...this.#given, ...this.#fds, this.#ready]) if (fd >= 0) close(fd);
    this.#given = this.#fds = [];
    this.#ready = -1;
    this.#endOutput();
    if (this.#pid === 0) return;
    const pid = this.#pid;
    const asked = loop().timer(ASK_MS, () => void native.syscall(NR.kill, pid, SIGNALS.TERM));
    const killed = loop().timer(KILL_MS, () => void native.syscall(NR.kill, pid, SIGNALS.KILL));
    this.#gone = () => {
      asked[Symbol.dispose]();
      killed[Symbol.dispose]();
    };
  }
}
