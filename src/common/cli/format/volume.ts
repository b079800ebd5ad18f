// The rows of `volume ls` and `network ls`: docker's fields, headings and default formats.
import { humanSize } from "../units.ts";
import { type Clock, goTimeNano, shortId } from "./time.ts";
import type { RowKind } from "./write.ts";

export interface Volume {
  readonly Name: string;
  readonly Driver: string;
  readonly Scope: string;
  readonly Mountpoint: string;
  readonly Labels?: Readonly<Record<string, string>> | null;
  readonly UsageData?: { readonly Size: number; readonly RefCount: number } | null;
}

export interface Network {
  readonly Id: string;
  readonly Name: string;
  readonly Driver: string;
  readonly Scope: string;
  readonly Created: string;
  readonly EnableIPv4?: boolean;
  readonly EnableIPv6: boolean;
  readonly Internal: boolean;
  readonly Labels?: Readonly<Record<string, string>> | null;
}

function labels(of: Readonly<Record<string, string>> | null | undefined): string {
  return Object.entries(of ?? {})
    .map(([key, value]) => `${key}=${value}`)
    .sort()
    .join(",");
}

export function volumeFormat(source: string, quiet: boolean): string {
  if (source === "" || source === "table") return quiet ? "{{.Name}}" : "table {{.Driver}}\t{{.Name}}";
  return source;
}

/** `human`: sizes with units, as `system df` has them. */
export function volumeRows(human = false): RowKind<Volume> {
  return {
    type: "*formatter.volumeContext",
    headers: {
      Name: "VOLUME NAME",
      Driver: "DRIVER",
      Scope: "SCOPE",
      Mountpoint: "MOUNTPOINT",
      Labels: "LABELS",
      Links: "LINKS",
      Size: "SIZE",
      Availability: "AVAILABILITY",
      Group: "GROUP",
      Status: "STATUS",
    },
    fields: (volume) => ({
      Name: volume.Name,
      Driver: volume.Driver,
      Scope: volume.Scope,
      Mountpoint: volume.Mountpoint,
      Labels: () => labels(volume.Labels),
      Label: (name: string) => volume.Labels?.[name] ?? "",
      Links: () => (volume.UsageData ? String(volume.UsageData.RefCount) : "N/A"),
      Size: () => {
        if (!volume.UsageData) return "N/A";
        return human ? humanSize(volume.UsageData.Size) : String(volume.UsageData.Size);
      },
      // Of swarm's volumes alone.
      Availability: "N/A",
      Group: "N/A",
      Status: "N/A",
    }),
  };
}

export function networkFormat(source: string, quiet: boolean): string {
  if (source === "" || source === "table")
    return quiet ? "{{.ID}}" : "table {{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.Scope}}";
  return source;
}

export function networkRows(truncate: boolean, clock: Clock): RowKind<Network> {
  return {
    type: "*network.networkContext",
    headers: {
      ID: "NETWORK ID",
      Name: "NAME",
      Driver: "DRIVER",
      Scope: "SCOPE",
      IPv4: "IPV4",
      IPv6: "IPV6",
      Internal: "INTERNAL",
      Labels: "LABELS",
      CreatedAt: "CREATED AT",
    },
    fields: (network) => ({
      ID: truncate ? shortId(network.Id) : network.Id,
      Name: network.Name,
      Driver: network.Driver,
      Scope: network.Scope,
      IPv4: String(network.EnableIPv4 ?? true),
      IPv6: String(network.EnableIPv6),
      Internal: String(network.Internal),
      Labels: () => labels(network.Labels),
      Label: (name: string) => network.Labels?.[name] ?? "",
      CreatedAt: () => goTimeNano(network.Created, clock),
    }),
  };
}
