// `images --tree`: each image with what it holds for each platform, in docker's columns.
import { formatPlatform, type Platform } from "../../oci/platform.ts";
import { humanSize } from "../units.ts";
import { type ImageSummary, isDangling } from "./image.ts";
import { shortId } from "./time.ts";

/** A manifest in the answer of GET /images/json?manifests=1. */
export interface ManifestSummary {
  readonly ID: string;
  readonly Kind: string;
  /** Whether its layers are here. */
  readonly Available: boolean;
  /** Bytes: of what was pulled, and of that and what it was unpacked to. */
  readonly Size: { readonly Content: number; readonly Total: number };
  readonly ImageData?: { readonly Platform: Platform; readonly Containers?: readonly string[] | null } | null;
}

export interface TreeImage extends ImageSummary {
  readonly Manifests?: readonly ManifestSummary[] | null;
}

interface Line {
  readonly name: string;
  readonly id: string;
  readonly disk: string;
  readonly content: string;
  readonly used: boolean;
}

const HEADER: Line = { name: "IMAGE", id: "ID", disk: "DISK USAGE", content: "CONTENT SIZE", used: false };
const GAP = "   ";

const size = (bytes: number) => humanSize(bytes, 3);

function linesOf(image: TreeImage): Line[] {
  const manifests = image.Manifests ?? [];
  const parts = manifests.filter(({ Kind, ImageData }) => Kind === "image" && ImageData);
  const users = parts.some(({ ImageData }) => (ImageData!.Containers ?? []).length > 0);
  const sum = (of: (manifest: ManifestSummary) => number) => manifests.reduce((all, one) => all + of(one), 0);
  const top = {
    id: shortId(image.Id),
    // What the daemon says of an image is without what was pulled; of its parts it says both.
    disk: size(
      Math.max(
        image.Size,
        sum(({ Size }) => Size.Total),
      ),
    ),
    content: size(sum(({ Size }) => Size.Content)),
    used: users || (image.Containers ?? 0) > 0,
  };
  const names = isDangling(image) ? [] : [...(image.RepoTags ?? [])].sort();
  if (names.length === 0) names.push("<untagged>");
  const bare = { id: "", disk: "", content: "", used: false };
  return [
    ...names.slice(0, -1).map((name) => ({ name, ...bare })),
    { name: names.at(-1)!, ...top },
    ...parts.map(({ ID, Size, ImageData }, at) => ({
      name: `${at === parts.length - 1 ? "└─" : "├─"} ${formatPlatform(ImageData!.Platform)}`,
      id: shortId(ID),
      disk: size(Size.Total),
      content: size(Size.Content),
      used: (ImageData!.Containers ?? []).length > 0,
    })),
  ];
}

/** The table; images without a name only where they are asked for. Columns that a window has no room for are left out, the last first. */
export function imageTree(images: readonly TreeImage[], dangling: boolean, columns?: number): string {
  const shown = images.filter((image) => dangling || !isDangling(image));
  const groups = shown.map(linesOf);
  const all = [HEADER, ...groups.flat()];
  const width = (of: (line: Line) => string) => Math.max(...all.map((line) => of(line).length));
  const name = width((line) => line.name);
  const extra = all.some(({ used }) => used);
  const cells: ((line: Line) => string)[] = [
    ({ id }) => id.padEnd(width((line) => line.id)),
    ({ disk }) => disk.padStart(width((line) => line.disk)),
    ({ content }) => content.padStart(width((line) => line.content)),
  ];
  if (extra) cells.push((line) => (line === HEADER ? "IN USE" : line.used ? "U     " : "      "));
  while (
    columns !== undefined &&
    cells.length > 0 &&
    name + cells.reduce((sum, cell) => sum + GAP.length + cell(HEADER).length, 0) > columns
  )
    cells.pop();
  const text = (line: Line) => [line.name.padEnd(name), ...cells.map((cell) => cell(line))].join(GAP).trimEnd();
  return [[HEADER], ...groups]
    .map((lines, at) => `${lines.map(text).join("\n")}\n${at > 0 && at < groups.length ? "\n" : ""}`)
    .join("");
}
