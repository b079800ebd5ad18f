// The progress of a pull: a bar for each layer on a terminal, else a line for each change.
import { humanSize } from "../../../common/cli/units.ts";
import { ellipsis } from "../../../common/cli/width.ts";
import { loop } from "../../sys/loop.ts";
import { monotonicMs } from "../../sys/time.ts";
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
const HEAD_COLUMNS = 26;
/** No more often than this is the terminal drawn anew. */
const FRAME_MS = 50;

interface Row {
  message: ProgressMessage;
  /** Bytes of the download so far, and in all. */
  loaded: number;
  size: number;
}

export class ProgressView implements Disposable {
  readonly #write: (text: string) => void;
  readonly #style: ProgressStyle;
  #rows = new Map<string, Row>();
  #drawn = 0;
  #began = 0;
  #last = 0;
  #timer: Disposable | undefined;

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
    // "latest: Pulling from library/busybox" is a headline, not a layer.
    if (id === undefined || status.startsWith("Pulling from")) {
      this.#settle();
      this.#write(id ? `${id}: ${status}\n` : `${status}\n`);
      return;
    }
    this.#update(id, message);
    const now = monotonicMs();
    if (now - this.#last >= FRAME_MS) this.#draw(false);
    else this.#timer ??= loop().timer(FRAME_MS - (now - this.#last), () => this.#draw(false));
  }

  #update(id: string, message: ProgressMessage): void {
    if (this.#rows.size === 0) this.#began = monotonicMs();
    const row = this.#rows.get(id) ?? { message, loaded: 0, size: 0 };
    row.message = message;
    const { current = 0, total = 0 } = message.progressDetail ?? {};
    if (message.status === "Downloading") {
      row.loaded = current;
      row.size = total;
    } else if (message.status !== "Waiting" && message.status !== "Pulling fs layer") row.loaded = row.size;
    this.#rows.set(id, row);
  }

  /** Leaves the rows as they are on the screen; what comes next stands below. */
  #settle(): void {
    if (this.#rows.size > 0) this.#draw(true);
    this.#rows.clear();
    this.#drawn = 0;
  }

  #draw(final: boolean): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    this.#last = monotonicMs();
    const { rows, columns } = this.#style.size!;
    const room = Math.max(rows - 2, 1);
    const all = [...this.#rows.values()];
    // More layers than lines: those that are done give way first.
    const busy = all.filter(({ message }) => !isDone(message));
    const shown =
      all.length <= room || final ? all : [...busy, ...all.filter(({ message }) => isDone(message))].slice(0, room);
    let text = this.#drawn > 0 ? `\x1b[${this.#drawn}A\r` : "\r";
    for (const { message } of shown) text += `\x1b[2K${this.#row(message, columns)}\n`;
    const summary = final ? "" : this.#summary(all, busy.length);
    if (summary !== "") text += `\x1b[2K${ellipsis(summary, columns - 1)}\n`;
    this.#write(`${text}\x1b[J`);
    this.#drawn = shown.length + (summary === "" ? 0 : 1);
  }

  /** "3 of 8 layers, 41.2MB of 94.1MB, 38MB/s" */
  #summary(all: readonly Row[], busy: number): string {
    const size = all.reduce((sum, row) => sum + row.size, 0);
    if (size === 0 || busy === 0) return "";
    const loaded = all.reduce((sum, row) => sum + row.loaded, 0);
    const seconds = Math.max((monotonicMs() - this.#began) / 1000, 0.1);
    const rate = loaded < size ? `, ${humanSize(loaded / seconds, 3)}/s` : "";
    return `${all.length - busy} of ${all.length} layers, ${humanSize(loaded, 3)} of ${humanSize(size, 3)}${rate}`;
  }

  #row(message: ProgressMessage, columns: number): string {
    const head = `${message.id}: ${message.status ?? ""}`;
    const { current = 0, total = 0 } = message.progressDetail ?? {};
    if (current <= 0) return ellipsis(head, columns - 1);
    const sizes = total > 0 ? `${humanSize(current, 4)}/${humanSize(total, 4)}` : humanSize(current, 4);
    const width = Math.min(BAR_MAX, columns - Math.max(head.length, HEAD_COLUMNS) - sizes.length - 3);
    if (total <= 0 || width < 5) return ellipsis(`${head} ${sizes}`, columns - 1);
    const filled = Math.min(width, Math.floor((current / total) * width));
    const full = "━".repeat(filled);
    const rest = "─".repeat(width - filled);
    const bar = this.#style.colour ? `\x1b[36m${full}\x1b[90m${rest}\x1b[0m` : `${full}${rest}`;
    return `${head.padEnd(HEAD_COLUMNS)} ${bar} ${sizes}`;
  }

  [Symbol.dispose](): void {
    this.#settle();
    this.#timer?.[Symbol.dispose]();
  }
}

function isDone({ status = "" }: ProgressMessage): boolean {
  return status === "Pull complete" || status === "Already exists";
}
