// wharf system df: what everything takes up on disk.
import { bool, string } from "../../../common/cli/flags.ts";
import { containerRows } from "../../../common/cli/format/container.ts";
import { imageRows, imageRowsOf } from "../../../common/cli/format/image.ts";
import {
  CACHE_TABLE,
  CONTAINER_USAGE_TABLE,
  cacheRows,
  type DataUsage,
  IMAGE_USAGE_TABLE,
  USAGE_TABLE,
  usageRows,
  usageRowsOf,
  VOLUME_USAGE_TABLE,
} from "../../../common/cli/format/usage.ts";
import { volumeRows } from "../../../common/cli/format/volume.ts";
import { type RowKind, writeRows } from "../../../common/cli/format/write.ts";
import { humanSize } from "../../../common/cli/units.ts";
import { WharfError } from "../../../common/errors.ts";
import { type Cli, command } from "../cli.ts";
import { localClock } from "../zone.ts";

/** Each image, container and volume with its size. */
function verbose(cli: Cli, usage: DataUsage, format: string): string {
  const clock = localClock(cli.env);
  const images = (usage.Images ?? []).flatMap((image) => imageRowsOf(image, false).slice(0, 1));
  // Only what is the container's own counts, not the image below it.
  const containers = (usage.Containers ?? []).map((one) => ({ ...one, SizeRootFs: 0 }));
  const volumes = (usage.Volumes ?? []).map((one) => ({
    ...one,
    UsageData: one.UsageData ?? { Size: 0, RefCount: 0 },
  }));
  const caches = usage.BuildCache ?? [];
  const inBytes = volumeRows(true);
  if (format === "json") {
    const all = <T>(rows: readonly T[], kind: RowKind<T>) =>
      `[${writeRows(rows, kind, { format: "json" }).trimEnd().replaceAll("\n", ",")}]`;
    return `{"Images":${all(images, imageRows(false, clock))},"Containers":${all(containers, containerRows({ truncate: false, clock }))},"Volumes":${all(volumes, inBytes)},"BuildCache":${all(caches, cacheRows(false, clock))}}\n`;
  }
  if (format !== "" && format !== "table") {
    throw new WharfError("InvalidArgument", "--verbose goes with the table and with json alone", {
      operation: "usage",
    });
  }
  const title = (what: string) => `${what} space usage:\n\n`;
  return [
    title("Images") + writeRows(images, imageRows(true, clock), { format: IMAGE_USAGE_TABLE }),
    title("Containers") +
      writeRows(containers, containerRows({ truncate: true, clock }), { format: CONTAINER_USAGE_TABLE }),
    title("Local Volumes") + writeRows(volumes, inBytes, { format: VOLUME_USAGE_TABLE }),
    `Build cache usage: ${humanSize(caches.reduce((sum, { Size, Shared }) => sum + (Shared ? 0 : Size), 0))}\n\n${writeRows(caches, cacheRows(true, clock), { format: CACHE_TABLE })}`,
  ].join("\n");
}

export const df = command({
  name: "df",
  summary: "Show what images, containers and volumes take up on disk",
  usage: "",
  args: { min: 0, max: 0 },
  section: "system",
  flags: {
    format: string("How to print: table, json or a Go template", { type: "FORMAT", words: ["table", "json"] }),
    verbose: bool("Each image, container and volume", { short: "v" }),
  },
  examples: [
    { what: "And how much of it could go", line: "system df" },
    { what: "What takes up the most?", line: "system df -v" },
  ],
  run: async (cli, { flags }) => {
    const usage = await cli.api.json<DataUsage>("GET", "/system/df", { doing: "read disk usage" });
    if (flags.verbose) cli.out(verbose(cli, usage, flags.format));
    else {
      const plain = flags.format === "" || flags.format === "table";
      cli.out(writeRows(usageRowsOf(usage), usageRows(), { format: plain ? USAGE_TABLE : flags.format }));
    }
    return 0;
  },
});
