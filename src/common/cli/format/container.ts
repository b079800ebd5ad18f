// The rows of `ps`: docker's fields, headings and default formats.
import { familiarName, familiarReference, tryParseReference } from "../../reference.ts";
import { quote } from "../../template/values.ts";
import { humanDuration, humanSize } from "../units.ts";
import { ellipsis } from "../width.ts";
import { displayPorts, type PortSummary } from "./ports.ts";
import { type Clock, goTime, shortId } from "./time.ts";
import type { RowKind } from "./write.ts";

/** A container in the answer of GET /containers/json. */
export interface ContainerSummary {
  readonly Id: string;
  readonly Names?: readonly string[] | null;
  readonly Image: string;
  readonly ImageID: string;
  readonly ImageManifestDescriptor?: {
    readonly platform?: { os?: string; architecture?: string; variant?: string } | null;
  } | null;
  readonly Command: string;
  /** Seconds since the epoch. */
  readonly Created: number;
  readonly Ports?: readonly PortSummary[] | null;
  readonly SizeRw?: number;
  readonly SizeRootFs?: number;
  readonly Labels?: Readonly<Record<string, string>> | null;
  readonly State: string;
  readonly Status: string;
  readonly Mounts?: readonly { readonly Name?: string; readonly Source?: string; readonly Driver?: string }[] | null;
  readonly NetworkSettings?: { readonly Networks?: Readonly<Record<string, unknown>> | null } | null;
}

const TABLE = "table {{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}";

const RAW = `container_id: {{.ID}}
image: {{.Image}}
command: {{.Command}}
created_at: {{.CreatedAt}}
state: {{- pad .State 1 0}}
status: {{- pad .Status 1 0}}
names: {{.Names}}
labels: {{- pad .Labels 1 0}}
ports: {{- pad .Ports 1 0}}
`;

/** What a --format of `ps` stands for. */
export function containerFormat(source: string, quiet: boolean, size: boolean): string {
  if (source === "table" || source === "") return quiet ? "{{.ID}}" : `${TABLE}${size ? "\t{{.Size}}" : ""}`;
  if (source === "raw") return quiet ? "container_id: {{.ID}}" : `${RAW}${size ? "size: {{.Size}}\n" : ""}`;
  return quiet ? "{{.ID}}" : source;
}

function imageName(c: ContainerSummary, truncate: boolean): string {
  if (c.Image === "") return "<no image>";
  if (!truncate) return c.Image;
  if (shortId(c.ImageID) === shortId(c.Image)) return shortId(c.Image);
  const reference = tryParseReference(c.Image);
  if (!reference) return c.Image;
  return reference.tag === undefined ? familiarName(reference) : familiarReference({ ...reference, digest: undefined });
}

function names(c: ContainerSummary, truncate: boolean): string {
  const all = (c.Names ?? []).map((name) => name.replace(/^\//, ""));
  const own = truncate ? all.find((name) => !name.includes("/")) : undefined;
  return own ?? all.join(",");
}

function size({ SizeRw = 0, SizeRootFs = 0 }: ContainerSummary): string {
  const own = humanSize(SizeRw, 3);
  return SizeRootFs > 0 ? `${own} (virtual ${humanSize(SizeRootFs, 3)})` : own;
}

function platform(c: ContainerSummary): string | null {
  const p = c.ImageManifestDescriptor?.platform;
  return p ? [p.os, p.architecture, p.variant].filter(Boolean).join("/") : null;
}

export interface ContainerRowOptions {
  readonly truncate: boolean;
  readonly clock: Clock;
}

export function containerRows({ truncate, clock }: ContainerRowOptions): RowKind<ContainerSummary> {
  // Many containers have few images.
  const images = new Map<string, string>();
  const image = (c: ContainerSummary) => {
    const key = `${c.Image} ${c.ImageID}`;
    const name = images.get(key) ?? imageName(c, truncate);
    images.set(key, name);
    return name;
  };
  return {
    type: "*formatter.ContainerContext",
    headers: {
      ID: "CONTAINER ID",
      Names: "NAMES",
      Image: "IMAGE",
      Command: "COMMAND",
      CreatedAt: "CREATED AT",
      RunningFor: "CREATED",
      Ports: "PORTS",
      State: "STATE",
      Status: "STATUS",
      Size: "SIZE",
      Labels: "LABELS",
      Mounts: "MOUNTS",
      LocalVolumes: "LOCAL VOLUMES",
      Networks: "NETWORKS",
      Platform: "PLATFORM",
    },
    fields: (c) => ({
      ID: truncate ? shortId(c.Id) : c.Id,
      Names: () => names(c, truncate),
      Image: () => image(c),
      Command: () => quote(truncate ? ellipsis(c.Command, 20) : c.Command),
      CreatedAt: () => goTime(c.Created, clock),
      RunningFor: () => `${humanDuration(clock.now - c.Created)} ago`,
      Ports: () => displayPorts(c.Ports ?? []),
      State: c.State,
      Status: c.Status,
      Size: () => size(c),
      Labels: () =>
        Object.entries(c.Labels ?? {})
          .map(([key, value]) => `${key}=${value}`)
          .sort()
          .join(","),
      Label: (name: string) => c.Labels?.[name] ?? "",
      Mounts: () =>
        (c.Mounts ?? [])
          .map((m) => (truncate ? ellipsis(m.Name || (m.Source ?? ""), 15) : m.Name || (m.Source ?? "")))
          .join(","),
      LocalVolumes: () => String((c.Mounts ?? []).filter((m) => m.Driver === "local").length),
      Networks: () => Object.keys(c.NetworkSettings?.Networks ?? {}).join(","),
      Platform: () => platform(c),
    }),
  };
}
