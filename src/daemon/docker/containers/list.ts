/** GET /containers/json: which containers are meant. */

import type { ContainerSummary } from "../../../common/docker/container.ts";
import { isCode, WharfError } from "../../../common/errors.ts";
import type { Filters } from "../../http/query.ts";
import type { Engine } from "../engine.ts";
import { labelMatches } from "../events.ts";
import { networkId } from "../network/view.ts";
import { type Container, statusOf } from "./container.ts";
import { ImageNames, summarize } from "./view.ts";

/** Containers that are looked at in one turn of the event loop. */
const GROUP = 32;

export interface ListOptions {
  all: boolean;
  /** The newest so many, of all states. */
  limit?: number | undefined;
  size: boolean;
  filters: Filters;
}

/** Newest first. InvalidArgument for an unknown filter. */
export async function listContainers(engine: Engine, options: ListOptions): Promise<AsyncIterable<ContainerSummary>> {
  const { filters } = options;
  const tests = [...filters].map(([name, values]) => testFor(engine, name, values));
  const stateAsked = filters.has("status") || filters.has("exited");
  const every = options.all || stateAsked || (options.limit ?? 0) > 0;
  const wanted = (await Promise.all(tests)).filter((test) => test !== undefined);
  const found = engine.containers
    .all()
    .filter((container) => every || container.running || container.restarting !== undefined)
    .filter((container) => wanted.every((test) => test(container)))
    .sort((a, b) => (a.record.created < b.record.created ? 1 : -1));
  const limited = options.limit && options.limit > 0 ? found.slice(0, options.limit) : found;
  const names = new ImageNames(engine);
  return summaries(engine, limited, names, options.size);
}

async function* summaries(
  engine: Engine,
  containers: readonly Container[],
  names: ImageNames,
  sizes: boolean,
): AsyncGenerator<ContainerSummary> {
  if (!sizes) {
    for (const container of containers) yield await summarize(engine, container, names, false);
    return;
  }
  // Measured together, which is far less work.
  const measured: Promise<ContainerSummary>[] = [];
  for (let at = 0; at < containers.length; at += GROUP) {
    const group = containers.slice(at, at + GROUP).map((one) => summarize(engine, one, names, true));
    // One that fails is told of when it is waited for, below.
    for (const one of group) one.catch(() => {});
    measured.push(...group);
    await new Promise(setImmediate);
  }
  yield* measured;
}

type Test = (container: Container) => boolean;

const STATES = ["created", "running", "paused", "restarting", "removing", "exited", "dead"];

/** `80`, `80/udp`, `80-90/tcp`. */
const PORTS = /^(\d+)(?:-(\d+))?(?:\/(tcp|udp|sctp))?$/;

/** Of one filter's values any may hold; of labels all. */
async function testFor(engine: Engine, name: string, values: readonly string[]): Promise<Test> {
  const any =
    (test: (container: Container, value: string) => boolean): Test =>
    (container) =>
      values.some((value) => test(container, value));
  switch (name) {
    case "id":
      return any(({ id }, value) => id.startsWith(value));
    case "name":
      return any(({ record }, value) => nameMatches(record.name, value));
    case "label":
      return ({ record }) => values.every((value) => labelMatches(record.config.Labels ?? {}, value));
    case "status":
      for (const value of values) if (!STATES.includes(value)) throw invalid(name, value);
      return any((container, value) => statusOf(container) === value);
    case "exited":
      for (const value of values) if (!/^-?\d+$/.test(value)) throw invalid(name, value);
      return any(({ record }, value) => record.state.phase === "exited" && record.state.exitCode === Number(value));
    case "ancestor": {
      const ids = await Promise.all(values.map((value) => engine.images.resolve(value).catch(noImage)));
      return ({ record }) => ids.some((image) => image?.id === record.imageId) || values.includes(record.config.Image);
    }
    case "before":
    case "since": {
      const than = engine.containers.get(values[0] ?? "").record.created;
      return ({ record }) => (name === "before" ? record.created < than : record.created > than);
    }
    case "volume":
      return any(({ record }, value) =>
        record.mounts.some((mount) => mount.Name === value || mount.Destination === value || mount.Source === value),
      );
    case "network":
      return any(({ record }, value) => {
        const { NetworkMode } = record.hostConfig;
        return NetworkMode === value || (value !== "" && networkId(engine, NetworkMode).startsWith(value));
      });
    case "expose":
    case "publish":
      for (const value of values) if (!PORTS.test(value)) throw invalid(name, value);
      return any(({ record }, value) => {
        const [, first, last = first, protocol = "tcp"] = PORTS.exec(value)!;
        const ports = name === "expose" ? record.config.ExposedPorts : record.hostConfig.PortBindings;
        return Object.keys(ports ?? {}).some((port) => {
          const [number, kind = "tcp"] = port.split("/");
          return kind === protocol && Number(number) >= Number(first) && Number(number) <= Number(last);
        });
      });
    case "health":
      return any((_, value) => value === "none");
    case "is-task":
    case "isolation":
      return any((_, value) => name === "isolation" || value === "false");
    default:
      throw new WharfError("InvalidArgument", `invalid filter '${name}'`, {
        operation: "list containers",
        subject: name,
      });
  }
}

/** A regular expression, as Docker has it, on the name with and without slash; plain text where it is none. */
function nameMatches(name: string, value: string): boolean {
  try {
    const pattern = new RegExp(value);
    return pattern.test(name) || pattern.test(`/${name}`);
  } catch {
    return name.includes(value);
  }
}

function invalid(name: string, value: string): WharfError {
  return new WharfError("InvalidArgument", `invalid filter '${name}=${value}'`, {
    operation: "list containers",
    subject: name,
  });
}

/** What names no image that is here, or none at all. */
function noImage(error: unknown): undefined {
  if (!isCode(error, "NotFound", "InvalidArgument")) throw error;
}
