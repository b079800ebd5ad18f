// The event loop: epoll, timers and signals behind promises. One per process; a forked child makes its own (resetLoop).
import { sys } from "./call.ts";
import { E, kernelError } from "./errno.ts";
import { close, Fd } from "./fs.ts";
import { NR } from "./nr.ts";
import { monotonicMs } from "./time.ts";

export const EPOLL = { IN: 1, PRI: 2, OUT: 4, ERR: 8, HUP: 16, RDHUP: 0x2000, ET: 0x80000000 } as const;

/** A descriptor the loop looks at. `close` stops that; the descriptor itself stays open. */
export interface Watch extends Disposable {
  /** Changes the awaited events; 0 pauses. */
  update(events: number): void;
}

interface Timer {
  at: number;
  run: () => void;
}

interface Watched {
  fd: number;
  events: number;
  run: (events: number) => void;
}

const MAX_EVENTS = 64;

function done(): void {}

class Loop implements Disposable {
  #epoll = new Fd(sys("epoll_create", undefined, NR.epoll_create1, 0o2000000));
  #watched = new Map<number, Watched>();
  #timers: Timer[] = [];
  // epoll_event is packed on x86-64: 32-bit events, 64-bit data
  #buffer = new Uint8Array(MAX_EVENTS * 12);
  #view = new DataView(this.#buffer.buffer);
  #event = new DataView(new ArrayBuffer(12));
  #stopped = false;

  #control(operation: number, fd: number, events: number): void {
    this.#event.setUint32(0, events, true);
    this.#event.setInt32(4, fd, true);
    sys("epoll_ctl", fd, NR.epoll_ctl, this.#epoll.value, operation, fd, this.#event.buffer as ArrayBuffer);
  }

  /** Calls `run` with the events each time one of them has come (level-triggered). One watch a descriptor. */
  watch(fd: number, events: number, run: (events: number) => void): Watch {
    const watched: Watched = { fd, events, run };
    this.#control(1, fd, events);
    this.#watched.set(fd, watched);
    return {
      update: (next) => {
        if (next === watched.events || this.#watched.get(fd) !== watched) return;
        watched.events = next;
        this.#control(3, fd, next);
      },
      [Symbol.dispose]: () => {
        if (this.#watched.get(fd) !== watched) return;
        this.#watched.delete(fd);
        // what it calls often knows this watch: without this the two would keep each other alive for ever
        watched.run = done;
        this.#event.setUint32(0, 0, true);
        native.syscall(NR.epoll_ctl, this.#epoll.value, 2, fd, this.#event.buffer as ArrayBuffer);
      },
    };
  }

  /** Resolves with the events when one of them has come. */
  once(fd: number, events: number): Promise<number> {
    return new Promise((resolve) => {
      const watch = this.watch(fd, events, (got) => {
        watch[Symbol.dispose]();
        resolve(got);
      });
    });
  }

  readable(fd: number): Promise<number> {
    return this.once(fd, EPOLL.IN | EPOLL.RDHUP);
  }

  writable(fd: number): Promise<number> {
    return this.once(fd, EPOLL.OUT);
  }

  /** Runs `run` once, after ms milliseconds, unless disposed before. */
  timer(ms: number, run: () => void): Disposable {
    const timer = { at: monotonicMs() + ms, run };
    let i = this.#timers.length;
    while (i > 0 && this.#timers[i - 1]!.at > timer.at) i--;
    this.#timers.splice(i, 0, timer);
    return {
      [Symbol.dispose]: () => {
        const at = this.#timers.indexOf(timer);
        if (at >= 0) this.#timers.splice(at, 1);
      },
    };
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => void this.timer(ms, resolve));
  }

  #fire(): void {
    const now = monotonicMs();
    while (this.#timers.length > 0 && this.#timers[0]!.at <= now) this.#timers.shift()!.run();
  }

  /** One turn: waits for events or the next timer and carries them out, then all that follows from them. */
  turn(): void {
    native.jobs();
    if (this.#stopped) return;
    const next = this.#timers[0];
    const timeout = next ? Math.max(0, Math.ceil(next.at - monotonicMs())) : -1;
    const count = native.syscall(NR.epoll_wait, this.#epoll.value, this.#buffer, MAX_EVENTS, timeout);
    // one that was interrupted (stopped and continued, frozen and thawed) has waited for part of the time: it is not begun anew
    if (count < 0 && count !== -E.EINTR) throw kernelError("epoll_wait", undefined, -count);
    for (let i = 0; i < count; i++) {
      const fd = this.#view.getInt32(i * 12 + 4, true);
      this.#watched.get(fd)?.run(this.#view.getUint32(i * 12, true));
      native.jobs();
    }
    this.#fire();
    native.jobs();
  }

  /** Turns until `promise` is settled, and answers or throws as it does. Anything else goes on in later turns. */
  run<T>(promise: Promise<T>): T {
    let outcome: { value: T } | { error: unknown } | undefined;
    promise.then(
      (value) => {
        outcome = { value };
      },
      (error: unknown) => {
        outcome = { error };
      },
    );
    native.jobs();
    while (!outcome) this.turn();
    if ("error" in outcome) throw outcome.error;
    return outcome.value;
  }

  [Symbol.dispose](): void {
    this.#stopped = true;
    this.#epoll[Symbol.dispose]();
    this.#watched.clear();
  }
}

let current: Loop | undefined;

/** This process's loop. */
export function loop(): Loop {
  current ??= new Loop();
  return current;
}

/** In a forked child: forgets the parent's loop (its epoll descriptor is shared) so that loop() makes a new one. */
export function resetLoop(): void {
  current?.[Symbol.dispose]();
  current = undefined;
}

const SIG_BLOCK = 0;
const SIG_SETMASK = 2;

function sigset(signals: readonly number[]): BigUint64Array {
  let mask = 0n;
  for (const signal of signals) mask |= 1n << BigInt(signal - 1);
  return new BigUint64Array([mask]);
}

export function blockSignals(signals: readonly number[]): void {
  sys("sigprocmask", undefined, NR.rt_sigprocmask, SIG_BLOCK, sigset(signals), 0, 8);
}

/** What a program expects before exec: nothing blocked. */
export function clearSignalMask(): void {
  sys("sigprocmask", undefined, NR.rt_sigprocmask, SIG_SETMASK, sigset([]), 0, 8);
}

/** A set for blockAndTell, to be made beforehand. */
export function signalSet(signals: readonly number[]): BigUint64Array {
  return sigset(signals);
}

/** Blocks the signals of a set and answers a nonblocking signalfd(2) that tells them. */
export function blockAndTell(set: BigUint64Array): number {
  sys("sigprocmask", undefined, NR.rt_sigprocmask, SIG_BLOCK, set, 0, 8);
  return sys("signalfd", undefined, NR.signalfd4, -1, set, 8, 0o2004000);
}

/** Blocks the signals and calls `run` with the number of each that comes. */
export function onSignals(signals: readonly number[], run: (signal: number) => void): Disposable {
  const fd = blockAndTell(sigset(signals));
  const info = new Uint8Array(128 * 4);
  const view = new DataView(info.buffer);
  const watch = loop().watch(fd, EPOLL.IN, () => {
    const n = native.syscall(NR.read, fd, info, info.length);
    for (let at = 0; at + 128 <= n; at += 128) run(view.getUint32(at, true));
  });
  return {
    [Symbol.dispose]: () => {
      watch[Symbol.dispose]();
      close(fd);
    },
  };
}
