/** Containers in the shapes of inspect and list. */

import { join } from "node:path";
import type { ContainerInspect, ContainerSummary } from "../../../common/docker/container.ts";
import { type EndpointSettings, emptyEndpoint } from "../../../common/docker/network.ts";
import { timestampToMillis } from "../../../common/timestamp.ts";
import type { Engine } from "../engine.ts";
import { imageSize } from "../images/sizes.ts";
import { namesOf, shownLinks } from "../network/links.ts";
import { dnsNames } from "../network/peers.ts";
import { endpointOf, portList, portMap } from "../network/ports.ts";
import { networkId } from "../network/view.ts";
import { type Container, statusOf } from "./container.ts";
import { ago } from "./durations.ts";
import type { ContainerRecord } from "./record.ts";

export async function inspectContainer(
  engine: Engine,
  container: Container,
  sizes: boolean,
): Promise<ContainerInspect> {
  const { record } = container;
  const { state, hostConfig, config } = record;
  const status = statusOf(container);
  const folder = engine.folder(record.id);
  const own = (name: string) => (state.startedAt.startsWith("0001") ? "" : join(folder, name));
  const execs = [...container.execs.values()].filter((exec) => exec.phase === "running").map((exec) => exec.id);
  const result: ContainerInspect = {
    Id: record.id,
    Created: record.created,
    Path: record.path,
    Args: record.args,
    State: {
      Status: status,
      Running: container.running || status === "restarting",
      Paused: status === "paused",
      Restarting: status === "restarting",
      OOMKilled: state.oomKilled,
      Dead: false,
      Pid: state.pid,
      ExitCode: state.exitCode,
      Error: state.error,
      StartedAt: state.startedAt,
      FinishedAt: state.finishedAt,
    },
    Image: record.imageId,
    ResolvConfPath: own("resolv.conf"),
    HostnamePath: own("hostname"),
    HostsPath: own("hosts"),
    LogPath: hostConfig.LogConfig.Type !== "json-file" || own("x") === "" ? "" : engine.logPath(record.id),
    Name: `/${record.name}`,
    RestartCount: record.restartCount,
    Driver: "overlayfs",
    Platform: record.platform,
    MountLabel: "",
    ProcessLabel: "",
    AppArmorProfile: "",
    ExecIDs: execs.length > 0 ? execs : null,
    HostConfig: { ...hostConfig, Links: shownLinks(engine, record) },
    GraphDriver: { Data: null, Name: "overlayfs" },
    Mounts: record.mounts,
    Config: config,
    NetworkSettings: networkSettings(engine, container),
  };
  if (sizes) Object.assign(result, await sizesOf(engine, container, new ImageNames(engine)));
  return result;
}

function networkSettings(engine: Engine, container: Container): ContainerInspect["NetworkSettings"] {
  const { record } = container;
  const attachment = engine.networks.attachmentOf(record.hostConfig.NetworkMode, record.id);
  return {
    Bridge: "",
    SandboxID: attachment ? record.id : "",
    SandboxKey: attachment?.netns ?? "",
    Ports: container.running ? portMap(record, attachment) : {},
    HairpinMode: false,
    LinkLocalIPv6Address: "",
    LinkLocalIPv6PrefixLen: 0,
    SecondaryIPAddresses: null,
    SecondaryIPv6Addresses: null,
    EndpointID: attachment ? record.id : "",
    Gateway: attachment?.gateway ?? "",
    GlobalIPv6Address: "",
    GlobalIPv6PrefixLen: 0,
    IPAddress: attachment?.address ?? "",
    IPPrefixLen: attachment?.prefix ?? 0,
    IPv6Gateway: "",
    MacAddress: attachment?.mac ?? "",
    Networks: endpoints(engine, container),
  };
}

function endpoints(engine: Engine, { record }: Container): Record<string, EndpointSettings> {
  const mode = record.hostConfig.NetworkMode;
  if (mode.startsWith("container:")) return {};
  const attachment = engine.networks.attachmentOf(mode, record.id);
  const endpoint = attachment ? endpointOf(record.id, attachment) : emptyEndpoint();
  // As dockerd has it, a container that was never started belongs to no network yet.
  const joined = !record.state.startedAt.startsWith("0001");
  if (engine.networks.user(mode)) Object.assign(endpoint, askedOf(record));
  return { [mode]: joined ? { ...endpoint, NetworkID: networkId(engine, mode) } : endpoint };
}

/** What a container has on a user's network as it was asked for, and what others call it there. */
function askedOf(record: ContainerRecord): Partial<EndpointSettings> {
  const { Aliases, DriverOpts, IPAMConfig } = (record.networks[record.hostConfig.NetworkMode] ??
    {}) as Partial<EndpointSettings>;
  return {
    Aliases: Aliases ?? null,
    DriverOpts: DriverOpts ?? null,
    IPAMConfig: IPAMConfig ?? null,
    DNSNames: dnsNames(record),
  };
}

/** What the container itself takes, and with its image. The first is measured now. */
async function sizesOf(
  engine: Engine,
  { record }: Container,
  names: ImageNames,
): Promise<{ SizeRw: number; SizeRootFs: number }> {
  const own = (await engine.client.snapshots().usage(record.id)).size;
  return { SizeRw: own, SizeRootFs: own + (await names.size(record.imageId)) };
}

export async function summarize(
  engine: Engine,
  container: Container,
  names: ImageNames,
  sizes: boolean,
): Promise<ContainerSummary> {
  const { record } = container;
  const summary: ContainerSummary = {
    Id: record.id,
    Names: namesOf(engine, record),
    Image: await names.shown(container),
    ImageID: record.imageId,
    Command: commandText(record.path, record.args),
    Created: Math.floor(timestampToMillis(record.created) / 1000),
    Ports: portList(record, engine.networks.attachmentOf(record.hostConfig.NetworkMode, record.id)),
    Labels: record.config.Labels ?? {},
    State: statusOf(container),
    Status: statusText(container),
    HostConfig: {
      NetworkMode: record.hostConfig.NetworkMode,
      ...(record.hostConfig.Annotations ? { Annotations: record.hostConfig.Annotations } : {}),
    },
    NetworkSettings: { Networks: endpoints(engine, container) },
    Mounts: record.mounts,
  };
  if (sizes) Object.assign(summary, await sizesOf(engine, container, names));
  return summary;
}

/** What image names mean at the moment of a list: looked up once each. */
export class ImageNames {
  readonly #engine: Engine;
  readonly #ids = new Map<string, Promise<string | undefined>>();
  readonly #sizes = new Map<string, Promise<number>>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** Bytes of an image; 0 for one that is gone. */
  size(imageId: string): Promise<number> {
    let size = this.#sizes.get(imageId);
    if (!size) {
      size = this.#engine.images.resolve(imageId).then(
        (image) => imageSize(this.#engine.client, image),
        () => 0,
      );
      this.#sizes.set(imageId, size);
    }
    return size;
  }

  /** The name a container was made from, as long as that still means the same image; otherwise its image's id. */
  async shown({ record }: Container): Promise<string> {
    const text = record.config.Image;
    let id = this.#ids.get(text);
    if (!id) {
      id = this.#engine.images.resolve(text).then(
        (image) => image.id,
        () => undefined,
      );
      this.#ids.set(text, id);
    }
    return (await id) === record.imageId ? text : record.imageId;
  }
}

/** The command as Docker writes it: arguments with spaces in quotes, nothing escaped. */
function commandText(path: string, args: readonly string[]): string {
  return [path, ...args.map((arg) => (arg.includes(" ") ? `'${arg}'` : arg))].join(" ");
}

function statusText(container: Container): string {
  const { state } = container.record;
  const since = (time: string) => ago(Date.now() - timestampToMillis(time));
  switch (statusOf(container)) {
    case "created":
      return "Created";
    case "paused":
      return `Up ${since(state.startedAt)} (Paused)`;
    case "running":
      return `Up ${since(state.startedAt)}`;
    case "restarting":
      return `Restarting (${state.exitCode}) ${since(state.finishedAt)} ago`;
    case "removing":
      return "Removal In Progress";
    default:
      return state.finishedAt.startsWith("0001")
        ? "Created"
        : `Exited (${state.exitCode}) ${since(state.finishedAt)} ago`;
  }
}
