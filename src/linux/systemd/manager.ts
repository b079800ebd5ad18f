// systemd's manager by D-Bus: transient units made, changed and stopped, with their jobs waited for.
// Source: org.freedesktop.systemd1(5).
import { describe, WharfError } from "../../common/errors.ts";
import { Connection, isRemote, type Method } from "../dbus/connection.ts";
import type { Value, Variant } from "../dbus/wire.ts";
import { exists } from "../sys/fs.ts";
import { environment } from "../sys/process.ts";
import { effectiveUser } from "../sys/rootless.ts";

/** A unit's property. */
export type Property = readonly [name: string, value: Variant];

const MANAGER: Omit<Method, "member"> = {
  destination: "org.freedesktop.systemd1",
  path: "/org/freedesktop/systemd1",
  interface: "org.freedesktop.systemd1.Manager",
};
const JOB_DONE =
  "type='signal',sender='org.freedesktop.systemd1',interface='org.freedesktop.systemd1.Manager',member='JobRemoved'";
const ERROR_NAME = "org.freedesktop.systemd1.";

interface Place {
  path: string;
  bus: boolean;
}

/** A D-Bus address list, as far as it names unix sockets. */
function addresses(text: string): Place[] {
  const places: Place[] = [];
  for (const one of text.split(";")) {
    const path = /^unix:(?:.*,)?path=([^,]+)/.exec(one)?.[1];
    const abstract = /^unix:(?:.*,)?abstract=([^,]+)/.exec(one)?.[1];
    if (path !== undefined) places.push({ path: decodeURIComponent(path), bus: true });
    else if (abstract !== undefined) places.push({ path: `@${decodeURIComponent(abstract)}`, bus: true });
  }
  return places;
}

/** Where the manager may be reached, what answers soonest first: its own socket before a bus. */
function managerPlaces(user: boolean, env: ReadonlyMap<string, string>, uid: number): Place[] {
  if (!user) {
    const address = env.get("DBUS_SYSTEM_BUS_ADDRESS");
    const bus = address ? addresses(address) : [{ path: "/run/dbus/system_bus_socket", bus: true }];
    return [{ path: "/run/systemd/private", bus: false }, ...bus];
  }
  const folder = env.get("XDG_RUNTIME_DIR") || (uid === 0 ? undefined : `/run/user/${uid}`);
  const address = env.get("DBUS_SESSION_BUS_ADDRESS");
  return [
    ...(folder ? [{ path: `${folder}/systemd/private`, bus: false }] : []),
    ...(address ? addresses(address) : []),
    ...(folder ? [{ path: `${folder}/bus`, bus: true }] : []),
  ];
}

/** Whether the system's manager is systemd. Source: man 3 sd_booted. */
export function systemdRuns(): boolean {
  return exists("/run/systemd/system");
}

function connect(user: boolean): Connection {
  if (!user && !systemdRuns()) {
    throw new WharfError("FailedPrecondition", "--systemd-cgroup: this host does not run systemd", {
      hint: "leave out --systemd-cgroup, or set the caller to cgroupfs",
    });
  }
  const tried: string[] = [];
  for (const { path, bus } of managerPlaces(user, environment(), effectiveUser())) {
    if (!path.startsWith("@") && !exists(path)) {
      tried.push(`${path} does not exist`);
      continue;
    }
    try {
      const connection = Connection.open(path, bus);
      if (bus) {
        connection.match(JOB_DONE);
        connection.call({ ...MANAGER, member: "Subscribe" });
      }
      return connection;
    } catch (error) {
      tried.push(describe(error));
    }
  }
  const whose = user ? "the user's systemd" : "systemd";
  throw new WharfError("Unavailable", `cannot reach ${whose}: ${tried.join("; ") || "XDG_RUNTIME_DIR is not set"}`, {
    hint: user ? "log in with a session of systemd, or: loginctl enable-linger USER" : undefined,
  });
}

/** A connection to the system's or the user's manager. */
export class Manager implements Disposable {
  readonly #connection: Connection;
  #version: number | undefined;

  constructor(user: boolean) {
    this.#connection = connect(user);
  }

  #call(member: string, signature: string, body: readonly Value[]): readonly Value[] {
    return this.#connection.call({ ...MANAGER, member }, signature, body);
  }

  #property(name: string): Value {
    const method = { ...MANAGER, interface: "org.freedesktop.DBus.Properties", member: "Get" };
    const [value] = this.#connection.call(method, "ss", [MANAGER.interface, name]);
    return (value as Variant).value;
  }

  /** 252 of "252.22-1~deb12u1". */
  get version(): number {
    this.#version ??= Number(/\d+/.exec(String(this.#property("Version")))?.[0] ?? 0);
    return this.#version;
  }

  /** The manager's own cgroup: "" for the system's, "/user.slice/user-1000.slice/user@1000.service" for a user's. */
  get controlGroup(): string {
    return String(this.#property("ControlGroup")).replace(/\/$/, "");
  }

  /** Waits for a job's end and answers its result: done, canceled, timeout, failed, dependency, skipped. */
  #finished(job: Value): string {
    return String(this.#connection.signal("JobRemoved", (body) => body[1] === job)[3]);
  }

  #start(unit: string, properties: readonly Property[]): Value {
    return this.#call("StartTransientUnit", "ssa(sv)a(sa(sv))", [unit, "replace", properties, []])[0]!;
  }

  /** Makes a transient unit and waits until it is there. One of that name that has failed gives way. */
  startTransient(unit: string, properties: readonly Property[]): void {
    let job: Value;
    try {
      job = this.#start(unit, properties);
    } catch (error) {
      if (!isRemote(error, `${ERROR_NAME}UnitExists`)) throw error;
      this.resetFailed(unit);
      job = this.#start(unit, properties);
    }
    const result = this.#finished(job);
    if (result === "done") return;
    this.resetFailed(unit);
    throw new WharfError("Unknown", `systemd could not start ${unit}: the job's result is ${result}`, {
      subject: unit,
      hint: `see: journalctl --unit ${unit}`,
    });
  }

  /** Until the next boot. */
  setProperties(unit: string, properties: readonly Property[]): void {
    this.#call("SetUnitProperties", "sba(sv)", [unit, true, properties]);
  }

  /** Moves a process into a unit's cgroup. */
  attach(unit: string, pid: number): void {
    this.#call("AttachProcessesToUnit", "ssau", [unit, "", [pid]]);
  }

  /** Starts a unit that has a file, and waits until it has started. Answers the job's result. */
  start(unit: string): string {
    return this.#finished(this.#call("StartUnit", "ss", [unit, "replace"])[0]!);
  }

  /** Ends a unit; that it is gone already is no error. Answers the job's result. */
  stop(unit: string): string {
    try {
      return this.#finished(this.#call("StopUnit", "ss", [unit, "replace"])[0]!);
    } catch (error) {
      if (isRemote(error, `${ERROR_NAME}NoSuchUnit`)) return "done";
      throw error;
    }
  }

  /** Lets systemd forget a failed unit; one that it does not know is none. */
  resetFailed(unit: string): void {
    try {
      this.#call("ResetFailedUnit", "s", [unit]);
    } catch (error) {
      if (!isRemote(error, `${ERROR_NAME}NoSuchUnit`)) throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#connection[Symbol.dispose]();
  }
}
