// The progress of a pull: a bar for each layer on a terminal, else a line for each change.
import { humanSize } from "../../../common/cli/units.ts";
import { ellipsis } from "../../../common/cli/width.ts";
import type { Size } from "../terminal.ts";

/** One object of the API's progress stream. */
export interface ProgressMessage {
  readonly status?: string;
  readonly id?: string;
  readonly progressDetail?: { readonly current?: number; readonly total?: number };
  readonly error?: string;
  readonly errorDetail?: { readonly message?: string; readonly hint?: string };
  readonly stream?: string;
}

export interface ProgressStyle {
  /** The terminal; undefined: plain lines. */
  readonly size: Size | undefined;
  readonly colour: boolean;
  readonly quiet: boolean;
}

/** What a layer says while its numbers grow: too much for plain lines. */
const BUSY = new Set(["Downloading", "Extracting", "Waiting", "Verifying Checksum", "Pushing", "Buffering to disk"]);
const BAR_MAX = 40;

export class ProgressView implements Disposable {
  readonly #write: (text: string) => void;
  readonly #style: ProgressStyle;
  #rows = new Map<string, ProgressMessage>();
  #drawn = 0;

  constructor(write: (text: string) => void, style: ProgressStyle) {
    this.#write = write;
    this.#style = style;
  }

  show(message: ProgressMessage): void {
    if (this.#style.quiet) return;
    const { id, status = "", stream } = message;
    if (!this.#style.size) {
      if (stream !== undefined) this.#write(stream);
      else if (!BUSY.has(status)) this.#write(id ? `${id}: ${status}\n` : `${status}\n`);
      return;
    }
    if (id === undefined || !this.#isRow(message)) {
      this.#above(id ? `${id}: ${status}` : status);
      return;
    }
    this.#rows.set(id, message);
    this.#draw();
  }

  /** "latest: Pulling from library/busybox" is a headline, not a layer. */
  #isRow({ status = "" }: ProgressMessage): boolean {
    return !status.startsWith("Pulling from");
  }

  /** A line above the bars. */
  #above(line: string): void {
    this.#write(`${this.#up()}\x1b[J${line}\n`);
    this.#drawn = 0;
    if (this.#rows.size > 0) this.#draw();
  }

  #up(): string {
    return this.#drawn > 0 ? `\x1b[${this.#drawn}A\r` : "\r";
  }

  #draw(): void {
    const { rows, columns } = this.#style.size!;
    const room = Math.max(rows - 1, 1);
    const all = [...this.#rows.values()];
    // More layers than lines: those that are done give way first.
    const shown = all.length <= room ? all : [...all.filter((m) => !isDone(m)), ...all.filter(isDone)].slice(0, room);
    let text = this.#up();
    for (const message of shown) text += `\x1b[2K${this.#row(message, columns)}\n`;
    this.#write(text);
    this.#drawn = shown.length;
  }

  #row(message: ProgressMessage, columns: number): string {
    const head = `${message.id}: ${message.status ?? ""}`;
    const { current = 0, total = 0 } = message.progressDetail ?? {};
    if (current <= 0) return ellipsis(head, columns - 1);
    const sizes = total > 0 ? `${humanSize(current, 4)}/${humanSize(total, 4)}` : humanSize(current, 4);
    const width = Math.min(BAR_MAX, columns - head.length - sizes.length - 6);
    if (total <= 0 || width < 5) return ellipsis(`${head} ${sizes}`, columns - 1);
    const filled = Math.min(width, Math.floor((current / total) * width));
    const full = "━".repeat(filled);
    const rest = "─".repeat(width - filled);
    const bar = this.#style.colour ? `\x1b[36m${full}\x1b[90m${rest}\x1b[0m` : `${full}${rest}`;
    return `${head.padEnd(26)} ${bar} ${sizes}`;
  }

  [Symbol.dispose](): void {
    this.#rows.clear();
    this.#drawn = 0;
  }
}

function isDone({ status = "" }: ProgressMessage): boolean {
  return status === "Pull complete" || status === "Already exists" || status === "Download complete";
}
