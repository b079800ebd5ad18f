/**
 * How processes ended. Each exit is recorded as soon as it is known and told by exactly one event: normally the shim's; where that does
 * not come (it was sent while no daemon ran, or the shim died), the daemon's own.
 */

import { TaskExit } from "../../../common/gen/containerd/events/task.ts";
import { unpackIf } from "../../../common/protobuf/any.ts";
import { formatTimestamp, parseTimestamp } from "../../../common/timestamp.ts";
import type { Database, Row } from "../../store/database.ts";
import type { Envelope } from "../api/events.ts";
import { type EventHub, LATE_TOLD } from "../events/hub.ts";
import { taskExit } from "../events/messages.ts";

/** Milliseconds to wait for the shim's own event before telling of an exit in its place. */
const PATIENCE = 1000;
/** Milliseconds from an event to the note that it was told: a crash in between has it told again. */
const NOTE = 200;
/** Milliseconds after a deletion during which a late event of the process is known to be one. */
const GRACE = 30_000;

export interface Exit {
  pid: number;
  exitStatus: number;
  exitedAt: string;
}

/** Names a process; `exec` is empty for the init process. */
export interface ProcessKey {
  namespace: string;
  task: string;
  exec: string;
}

type Told = ProcessKey & Pick<Exit, "pid">;

export class Exits {
  readonly #began = Date.now();
  readonly #db: Database;
  readonly #hub: EventHub;
  /** Processes, with their pids, whose exit was published. */
  readonly #told = new Set<string>();
  /** Processes whose exit was told, which is not yet written down. */
  readonly #unnoted: Told[] = [];
  /** Processes that were deleted a short while ago. */
  readonly #gone = new Set<string>();
  readonly #timers = new Set<NodeJS.Timeout>();

  constructor(db: Database, hub: EventHub) {
    this.#db = db;
    this.#hub = hub;
  }

  find({ namespace, task, exec }: ProcessKey): Exit | undefined {
    const sql = "SELECT * FROM exits WHERE namespace = ? AND task = ? AND exec = ?";
    const row = this.#db.get(sql, namespace, task, exec);
    return row && readExit(row);
  }

  /** Writes an exit down; one that is written already stays. Its event is due at once, or (`patient`) when the shim's does not come; `late`: it has not ended since the start. */
  record(key: ProcessKey, exit: Exit, options: { patient: boolean; late?: boolean }): void {
    const told = this.#told.has(textOf(key, exit.pid));
    // Its event wrote it down.
    if (told && this.find(key)) return;
    if (this.#write(key, exit, told) === 0 || told) return;
    if (options.patient) this.#later(PATIENCE, () => this.#tell(key, exit));
    else this.#tell(key, exit, options.late);
  }

  /** Of a process whose task is there, and whose exit is not known yet; answers how many are new. */
  #write({ namespace, task, exec }: ProcessKey, exit: Exit, told: boolean): number {
    // Like a removal it may use the reserve of a full disk: without it no task could be deleted.
    return this.#db.removal(() => {
      if (!this.#db.get("SELECT 1 FROM tasks WHERE namespace = ? AND id = ?", namespace, task)) return 0;
      const values = [namespace, task, exec, exit.pid, exit.exitStatus, exit.exitedAt, told ? 1 : 0];
      return this.#db.run("INSERT OR IGNORE INTO exits VALUES (?, ?, ?, ?, ?, ?, ?)", ...values);
    });
  }

  /** After a restart: tells of what was recorded and perhaps not told. */
  restore({ namespace, task }: Omit<ProcessKey, "exec">): void {
    const sql = "SELECT * FROM exits WHERE namespace = ? AND task = ? AND told = 0";
    for (const row of this.#db.all(sql, namespace, task)) {
      this.#tell({ namespace, task, exec: row.exec as string }, readExit(row), true);
    }
  }

  #tell(key: ProcessKey, exit: Exit, late = Date.parse(exit.exitedAt) < this.#began): void {
    if (!this.#note(key, exit, late)) return;
    const { task, exec } = key;
    const { pid, exitStatus, exitedAt } = exit;
    const message = { containerId: task, id: exec || task, pid, exitStatus, exitedAt: parseTimestamp(exitedAt) };
    this.#hub.emit(key.namespace, taskExit(message), late);
  }

  /**
   * Takes an event from a shim, `late` as the hub has it; false when it tells of an exit that was told already. An exit is written down before it
   * is told.
   */
  admit(envelope: Envelope, late = false): boolean {
    const exit = unpackIf(TaskExit, envelope.event);
    if (!exit) return true;
    const { containerId: task, id, pid, ...answer } = exit;
    const key = { namespace: envelope.namespace, task, exec: id === task ? "" : id };
    return this.#note(key, exitOf(pid, answer, envelope.timestamp), late);
  }

  /** Notes that an exit is told; false when it was before. */
  #note(key: ProcessKey, exit: Exit, late: boolean): boolean {
    const text = textOf(key, exit.pid);
    if (this.#told.has(text)) return false;
    this.#told.add(text);
    if (this.#gone.has(text)) return true;
    if (!this.find(key)) this.#write(key, exit, false);
    // A daemon that ends before all have been told leaves it to the next.
    const told = { ...key, pid: exit.pid };
    if (late) this.#later(LATE_TOLD + NOTE, () => this.#noteTold([told]));
    else if (this.#unnoted.push(told) === 1) this.#later(NOTE, () => this.#noteTold(this.#unnoted.splice(0)));
    return true;
  }

  #noteTold(told: readonly Told[]): void {
    const sql = "UPDATE exits SET told = 1 WHERE namespace = ? AND task = ? AND exec = ? AND pid = ?";
    const work = () => told.map(({ namespace, task, exec, pid }) => this.#db.run(sql, namespace, task, exec, pid));
    try {
      if (told.length > 0) this.#db.removal(work);
    } catch {
      // Told again after the next start, which is better than never.
    }
  }

  /** A process is deleted: its id may be used again. */
  forget(key: ProcessKey, pid: number): void {
    const { namespace, task, exec } = key;
    const sql = "DELETE FROM exits WHERE namespace = ? AND task = ? AND exec = ?";
    this.#db.removal(() => this.#db.run(sql, namespace, task, exec));
    this.#hub.hasten(namespace, task, exec || undefined);
    const text = textOf(key, pid);
    this.#gone.add(text);
    this.#later(GRACE, () => {
      this.#told.delete(text);
      this.#gone.delete(text);
    });
  }

  #later(ms: number, run: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      run();
    }, ms);
    timer.unref();
    this.#timers.add(timer);
  }

  close(): void {
    this.#noteTold(this.#unnoted.splice(0));
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }
}

/** Whether what an event tells of was before that time, ms since the epoch: a shim may tell of an end some while after. */
export function wasBefore({ event, timestamp }: Envelope, time: number): boolean {
  if (Date.parse(timestamp) < time) return true;
  const exitedAt = unpackIf(TaskExit, event)?.exitedAt;
  return exitedAt !== undefined && exitedAt.seconds > 0 && Date.parse(formatTimestamp(exitedAt)) < time;
}

function textOf({ namespace, task, exec }: ProcessKey, pid: number): string {
  return `${namespace}/${task}/${exec}/${pid}`;
}

function readExit(row: Row): Exit {
  return { pid: row.pid as number, exitStatus: row.exit_status as number, exitedAt: row.exited_at as string };
}

/** What a shim answered, with the time it gave or now. */
export function exitOf(
  pid: number,
  answer: { exitStatus: number; exitedAt: { seconds: number; nanos: number } | undefined },
  now: string,
): Exit {
  const { exitStatus, exitedAt } = answer;
  return { pid, exitStatus, exitedAt: exitedAt && exitedAt.seconds > 0 ? formatTimestamp(exitedAt) : now };
}
