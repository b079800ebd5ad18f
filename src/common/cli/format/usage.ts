// The rows of `system df`: docker's fields and headings.
import { humanDuration, humanSize } from "../units.ts";
import type { ContainerSummary } from "./container.ts";
import type { ImageSummary } from "./image.ts";
import { type Clock, shortId } from "./time.ts";
import type { Volume } from "./volume.ts";
import type { RowKind } from "./write.ts";

/** What GET /system/df answers, as far as it is shown. */
export interface DataUsage {
  readonly LayersSize?: number;
  readonly Images?: readonly (ImageSummary & { SharedSize: number; Containers: number })[] | null;
  readonly Containers?: readonly ContainerSummary[] | null;
  readonly Volumes?: readonly Volume[] | null;
  readonly BuildCache?: readonly BuildCache[] | null;
}

export interface BuildCache {
  readonly ID: string;
  readonly Type?: string;
  readonly Description?: string;
  readonly Size: number;
  readonly InUse: boolean;
  readonly Shared?: boolean;
  readonly CreatedAt?: string;
  readonly LastUsedAt?: string | null;
  readonly UsageCount?: number;
}

/** The tables of `system df -v`. */
export const IMAGE_USAGE_TABLE =
  "table {{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}\t{{.SharedSize}}\t{{.UniqueSize}}\t{{.Containers}}";
export const CONTAINER_USAGE_TABLE =
  "table {{.ID}}\t{{.Image}}\t{{.Command}}\t{{.LocalVolumes}}\t{{.Size}}\t{{.RunningFor}}\t{{.Status}}\t{{.Names}}";
export const VOLUME_USAGE_TABLE = "table {{.Name}}\t{{.Links}}\t{{.Size}}";
export const CACHE_TABLE =
  "table {{.ID}}\t{{.CacheType}}\t{{.Size}}\t{{.CreatedSince}}\t{{.LastUsedSince}}\t{{.UsageCount}}\t{{.Shared}}";

export function cacheRows(truncate: boolean, clock: Clock): RowKind<BuildCache> {
  const since = (time: string | null | undefined) =>
    time ? `${humanDuration(clock.now - Date.parse(time) / 1000)} ago` : "";
  return {
    type: "*formatter.buildCacheContext",
    headers: {
      ID: "CACHE ID",
      CacheType: "CACHE TYPE",
      Size: "SIZE",
      CreatedSince: "CREATED",
      LastUsedSince: "LAST USED",
      UsageCount: "USAGE",
      Shared: "SHARED",
    },
    fields: (cache) => ({
      ID: truncate ? shortId(cache.ID) : cache.ID,
      CacheType: cache.Type ?? "",
      Description: cache.Description ?? "",
      Size: humanSize(cache.Size),
      CreatedAt: cache.CreatedAt ?? "",
      CreatedSince: since(cache.CreatedAt),
      LastUsedAt: cache.LastUsedAt ?? "",
      LastUsedSince: since(cache.LastUsedAt),
      UsageCount: String(cache.UsageCount ?? 0),
      InUse: String(cache.InUse),
      Shared: String(cache.Shared ?? false),
    }),
  };
}

export interface UsageRow {
  readonly type: string;
  readonly total: number;
  readonly active: number;
  readonly size: number;
  readonly reclaimable: number;
  /** Whether the part of the whole is shown. */
  readonly percent: boolean;
}

export const USAGE_TABLE = "table {{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}";

const sum = (numbers: readonly number[]) => numbers.reduce((all, one) => all + one, 0);

export function usageRowsOf(usage: DataUsage): UsageRow[] {
  const images = usage.Images ?? [];
  const layers = usage.LayersSize ?? 0;
  const used = images.filter(({ Containers, Size, SharedSize }) => Containers > 0 && Size >= 0 && SharedSize >= 0);
  const containers = usage.Containers ?? [];
  const alive = ({ State }: { State: string }) => ["running", "paused", "restarting"].includes(State);
  const volumes = (usage.Volumes ?? []).map(({ UsageData }) => UsageData ?? { Size: 0, RefCount: 0 });
  const caches = usage.BuildCache ?? [];
  return [
    {
      type: "Images",
      total: images.length,
      active: images.filter(({ Containers }) => Containers > 0).length,
      size: layers,
      reclaimable: layers - sum(used.map(({ Size, SharedSize }) => Size - SharedSize)),
      percent: true,
    },
    {
      type: "Containers",
      total: containers.length,
      active: containers.filter(alive).length,
      size: sum(containers.map(({ SizeRw = 0 }) => SizeRw)),
      reclaimable: sum(containers.filter((one) => !alive(one)).map(({ SizeRw = 0 }) => SizeRw)),
      percent: true,
    },
    {
      type: "Local Volumes",
      total: volumes.length,
      active: volumes.filter(({ RefCount }) => RefCount > 0).length,
      size: sum(volumes.map(({ Size }) => Math.max(Size, 0))),
      reclaimable: sum(volumes.filter(({ RefCount }) => RefCount === 0).map(({ Size }) => Math.max(Size, 0))),
      percent: true,
    },
    {
      type: "Build Cache",
      total: caches.length,
      active: caches.filter(({ InUse }) => InUse).length,
      size: sum(caches.map(({ Size }) => Size)),
      reclaimable: sum(caches.filter(({ InUse, Shared }) => !InUse && !Shared).map(({ Size }) => Size)),
      percent: false,
    },
  ];
}

export function usageRows(): RowKind<UsageRow> {
  return {
    type: "*formatter.diskUsageContext",
    headers: { Type: "TYPE", TotalCount: "TOTAL", Active: "ACTIVE", Size: "SIZE", Reclaimable: "RECLAIMABLE" },
    fields: ({ type, total, active, size, reclaimable, percent }) => ({
      Type: type,
      TotalCount: String(total),
      Active: String(active),
      Size: humanSize(size),
      Reclaimable: () =>
        percent && size > 0
          ? `${humanSize(reclaimable)} (${Math.trunc((reclaimable * 100) / size)}%)`
          : humanSize(reclaimable),
    }),
  };
}
