// Operations `diff` and `export`: trees out as tars.
import type { AgentMount, AnswerOf, RequestOf } from "../../../common/agent/protocol.ts";
import { WharfError } from "../../../common/errors.ts";
import { layerCompression } from "../../../common/oci/media-types.ts";
import { splitLowers } from "../../layer/apply.ts";
import { Changes } from "../../layer/changes.ts";
import { Packer } from "../../layer/pack.ts";
import { packStream } from "../../layer/packing.ts";
import { O, open } from "../../sys/fs.ts";
import type { Channel } from "../channel.ts";
import { openMounts, openTree } from "../tree.ts";

function option(mount: AgentMount, name: string): string | undefined {
  return mount.options.find((text) => text.startsWith(`${name}=`))?.slice(name.length + 1);
}

/** The directories that a list of mounts shows, nearest first; undefined when it is more than that. */
function directories(mounts: readonly AgentMount[]): string[] | undefined {
  const [mount, ...others] = mounts;
  if (!mount) return [];
  if (others.length > 0 || mount.target) return undefined;
  if (mount.type === "overlay") {
    const upper = option(mount, "upperdir");
    const lowers = splitLowers(option(mount, "lowerdir") ?? "");
    return upper ? [upper, ...lowers] : lowers;
  }
  return mount.type === "bind" || mount.options.includes("bind") || mount.options.includes("rbind")
    ? [mount.source]
    : undefined;
}

/** When `upper` is `lower` and one directory more, that directory is the difference already. */
function topDirectory(lower: readonly AgentMount[], upper: readonly AgentMount[]): string | undefined {
  const below = directories(lower);
  const all = directories(upper);
  if (!below || !all || all.length !== below.length + 1) return undefined;
  return below.every((dir, i) => dir === all[i + 1]) ? all[0] : undefined;
}

export function diff(
  { lower, upper, mediaType, sourceDateEpoch }: RequestOf<"diff">,
  channel: Channel,
): AnswerOf<"diff"> {
  const compression = layerCompression(mediaType);
  if (!compression) throw new WharfError("Unimplemented", `no layer type: ${JSON.stringify(mediaType)}`);
  const send = (address: number, length: number): void => channel.data(address, length);
  const top = topDirectory(lower, upper);
  if (top !== undefined) {
    const fd = open(top, O.RDONLY | O.DIRECTORY);
    return packStream({
      compression,
      keep: [fd],
      send,
      trace: channel.trace,
      write: (writer) => new Packer(writer, { overlay: true, sourceDateEpoch }).tree(fd),
    });
  }
  using newer = openMounts(upper, "upper");
  using older = lower.length > 0 ? openMounts(lower, "lower") : undefined;
  return packStream({
    compression,
    keep: older ? [newer.value, older.value] : [newer.value],
    send,
    trace: channel.trace,
    write(writer) {
      const packer = new Packer(writer, { overlay: false, sourceDateEpoch });
      if (older) new Changes(packer).tree(older.value, newer.value);
      else packer.tree(newer.value);
    },
  });
}

export function exportTree({ tree }: RequestOf<"export">, channel: Channel): AnswerOf<"export"> {
  using root = openTree(tree);
  const { size } = packStream({
    compression: "none",
    keep: [root.value],
    send: (address, length) => channel.data(address, length),
    write: (writer) => new Packer(writer, { overlay: false }).tree(root.value),
  });
  return { size };
}
