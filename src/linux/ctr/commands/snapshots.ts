// ctr snapshots: file systems in layers.
import { bool, type Flags, type FlagValues, string } from "../../../common/cli/flags.ts";
import { type Info, Kind } from "../../../common/gen/containerd/services/snapshots.ts";
import type { Mount } from "../../../common/gen/containerd/types/mount.ts";
import { type Ctr, DEFAULT_SNAPSHOTTER, command as declare, group, need, usage } from "../ctr.ts";
import { SNAPSHOTTER } from "../flags.ts";
import { eachPiece, listImages, manifestsOf, openImage, unpack } from "../image.ts";
import { labelPaths, labelsOf, labelText, shortTime } from "../labels.ts";
import { shortSize } from "./images.ts";

const KIND = new Map<number, string>([
  [Kind.VIEW, "View"],
  [Kind.ACTIVE, "Active"],
  [Kind.COMMITTED, "Committed"],
]);

function name(ctr: Ctr, flags: FlagValues<typeof SNAPSHOTTER>): string {
  return flags.snapshotter || ctr.env.get("CONTAINERD_SNAPSHOTTER") || DEFAULT_SNAPSHOTTER;
}

async function infos(ctr: Ctr, snapshotter: string): Promise<Info[]> {
  const all: Info[] = [];
  for await (const { info } of ctr.snapshots.list({ snapshotter })) all.push(...info);
  return all.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The command lines that mount it. */
function mountLines(target: string, mounts: readonly Mount[]): string[] {
  return mounts.map(({ type, source, options }) => {
    const opts = options.length > 0 ? ` -o ${options.join(",")}` : "";
    return `mount -t ${type} ${source} ${target}${opts}`;
  });
}

function asJson(mounts: readonly Mount[]): string {
  const shown = mounts.map(({ type, source, target, options }) => ({
    ...{ Type: type, Source: source, Target: target, Options: options },
  }));
  return JSON.stringify(shown, undefined, 4);
}

const MAKING = {
  ...SNAPSHOTTER,
  target: string("Show how to mount it there", { short: "t", type: "DIR" }),
  mounts: bool("Show its mounts as JSON"),
} as const satisfies Flags;

function making(kind: "prepare" | "view", summary: string) {
  return declare({
    name: kind,
    summary,
    usage: "KEY [PARENT]",
    flags: MAKING,
    run: async (ctr, { flags, args }) => {
      const expire = new Date().toISOString().replace(/\.\d+Z$/, "Z");
      const labels: Record<string, string> = kind === "prepare" ? { "containerd.io/gc.root": expire } : {};
      const request = { snapshotter: name(ctr, flags), key: need(args, 0, "a key"), parent: args[1] ?? "", labels };
      const { mounts } = await ctr.snapshots[kind](request);
      if (flags.target) for (const line of mountLines(flags.target, mounts)) ctr.line(line);
      if (flags.mounts) ctr.line(asJson(mounts));
      return 0;
    },
  });
}

const list = declare({
  name: "list",
  summary: "List snapshots",
  usage: "",
  flags: SNAPSHOTTER,
  run: async (ctr, { flags }) => {
    const rows = (await infos(ctr, name(ctr, flags))).map(
      ({ name: key, parent, kind }) => `${key}\t${parent}\t${KIND.get(kind)}\t`,
    );
    ctr.table(["KEY\tPARENT\tKIND\t", ...rows], 1);
    return 0;
  },
});

const info = declare({
  name: "info",
  summary: "Show a snapshot's record",
  usage: "KEY",
  flags: SNAPSHOTTER,
  run: async (ctr, { flags, args }) => {
    const { info: found } = await ctr.snapshots.stat({ snapshotter: name(ctr, flags), key: need(args, 0, "a key") });
    const { kind, name: key, parent, labels, createdAt, updatedAt } = found!;
    const times = {
      Created: createdAt && shortTime(createdAt),
      Updated: updatedAt && shortTime(updatedAt),
    };
    const labelled = Object.keys(labels).length > 0 ? { Labels: labels } : {};
    const shown = { Kind: KIND.get(kind), Name: key, Parent: parent || undefined, ...labelled, ...times };
    ctr.line(JSON.stringify(shown, undefined, 4));
    return 0;
  },
});

const mounts = declare({
  name: "mounts",
  summary: "Show how to mount a snapshot",
  usage: "TARGET KEY",
  flags: SNAPSHOTTER,
  run: async (ctr, { flags, args }) => {
    const target = need(args, 0, "a target");
    const answer = await ctr.snapshots.mounts({ snapshotter: name(ctr, flags), key: need(args, 1, "a key") });
    for (const line of mountLines(target, answer.mounts)) ctr.line(line);
    return 0;
  },
});

const commit = declare({
  name: "commit",
  summary: "Commit an active snapshot under a name",
  usage: "NAME KEY",
  flags: SNAPSHOTTER,
  run: async (ctr, { flags, args }) => {
    const labels = { "containerd.io/gc.root": new Date().toISOString().replace(/\.\d+Z$/, "Z") };
    const request = { snapshotter: name(ctr, flags), name: need(args, 0, "a name"), key: need(args, 1, "a key") };
    await ctr.snapshots.commit({ ...request, labels });
    return 0;
  },
});

const remove = declare({
  name: "delete",
  summary: "Remove snapshots",
  usage: "KEY [KEY...]",
  flags: SNAPSHOTTER,
  run: async (ctr, { flags, args }) => {
    for (const key of args) await ctr.snapshots.remove({ snapshotter: name(ctr, flags), key });
    return 0;
  },
});

const usageOf = declare({
  name: "usage",
  summary: "Show what snapshots take",
  usage: "[KEY...]",
  flags: { ...SNAPSHOTTER, bytes: bool("In bytes", { short: "b" }) },
  run: async (ctr, { flags, args }) => {
    const snapshotter = name(ctr, flags);
    const keys = args.length > 0 ? args : (await infos(ctr, snapshotter)).map(({ name: key }) => key);
    const rows = ["KEY\tSIZE\tINODES\t"];
    for (const key of keys) {
      const { size, inodes } = await ctr.snapshots.usage({ snapshotter, key });
      rows.push(`${key}\t${flags.bytes ? size : shortSize(size)}\t${inodes}\t`);
    }
    ctr.table(rows, 1);
    return 0;
  },
});

const tree = declare({
  name: "tree",
  summary: "Show snapshots below their parents",
  usage: "",
  flags: SNAPSHOTTER,
  run: async (ctr, { flags }) => {
    const all = await infos(ctr, name(ctr, flags));
    const show = (parent: string, level: number) => {
      for (const one of all.filter((candidate) => candidate.parent === parent)) {
        ctr.line(`${"  ".repeat(level)}${level > 0 ? "\\_" : ""} ${one.name}`);
        show(one.name, level + 1);
      }
    };
    show("", 0);
    return 0;
  },
});

const label = declare({
  name: "label",
  summary: "Set or clear labels of a snapshot",
  usage: "KEY [KEY=VALUE...]",
  flags: SNAPSHOTTER,
  run: async (ctr, { flags, args }) => {
    const snapshotter = name(ctr, flags);
    const key = need(args, 0, "a key");
    const labels = labelsOf(args.slice(1));
    const paths = labelPaths(labels);
    const { info: found } =
      paths.length === 0
        ? await ctr.snapshots.stat({ snapshotter, key })
        : await ctr.snapshots.update({ snapshotter, info: { name: key, labels }, updateMask: { paths } });
    ctr.line(labelText(found!.labels));
    return 0;
  },
});

const unpackManifest = declare({
  name: "unpack",
  summary: "Unpack the image whose root document has a digest",
  usage: "DIGEST",
  flags: { ...SNAPSHOTTER, "sync-fs": bool("Write the files to disk", { hidden: true }) },
  run: async (ctr, { flags, args }) => {
    const digest = need(args, 0, "a digest");
    for (const { name: image, target } of await listImages(ctr)) {
      const found =
        target.digest === digest || (await manifestsOf(ctr, target)).some((one) => one.manifest.digest === digest);
      if (!found) continue;
      await unpack(ctr, await openImage(ctr, image), name(ctr, flags));
      ctr.line(`unpacking ${digest} (${target.mediaType})...done`);
      return 0;
    }
    throw usage(`no image has the digest ${JSON.stringify(digest)}`);
  },
});

const diff = declare({
  name: "diff",
  summary: "Write what differs between two snapshots, or a snapshot and its parent, to stdout as a tar",
  usage: "KEY [KEY]",
  flags: {
    ...SNAPSHOTTER,
    "media-type": string("Form of the tar", { initial: "application/vnd.oci.image.layer.v1.tar+gzip" }),
    ref: string("Name of the ingest"),
    keep: bool("Keep the blob, until somebody deletes it"),
    label: string("Label of the blob", { type: "KEY=VALUE" }),
  },
  run: async (ctr, { flags, args }) => {
    const snapshotter = name(ctr, flags);
    const key = need(args, 0, "a key");
    await ctr.leased(async () => {
      const views: string[] = [];
      const mountsOf = async (of: string): Promise<Mount[]> => {
        if (of === "") return [];
        const { info: found } = await ctr.snapshots.stat({ snapshotter, key: of });
        if (found!.kind !== Kind.COMMITTED) return (await ctr.snapshots.mounts({ snapshotter, key: of })).mounts;
        const view = `${of}-view-${Date.now()}-${views.length}`;
        views.push(view);
        return (await ctr.snapshots.view({ snapshotter, key: view, parent: of })).mounts;
      };
      try {
        const other = args[1];
        const parent = (await ctr.snapshots.stat({ snapshotter, key })).info!.parent;
        const [left, right] = other === undefined ? [parent, key] : [key, other];
        const made = await ctr.diff.diff({
          ...{ left: await mountsOf(left), right: await mountsOf(right) },
          ...{ mediaType: flags["media-type"], ref: flags.ref, labels: flags.label ? labelsOf([flags.label]) : {} },
        });
        const { digest } = made.diff!;
        if (flags.keep) {
          const labels = { "containerd.io/gc.root": new Date().toISOString().replace(/\.\d+Z$/, "Z") };
          await ctr.content.update({ info: { digest, labels }, updateMask: { paths: labelPaths(labels) } });
        }
        await eachPiece(ctr, digest, (piece) => ctr.out(piece));
      } finally {
        for (const view of views) await ctr.snapshots.remove({ snapshotter, key: view });
      }
    });
    return 0;
  },
});

export const snapshots = group(
  "snapshots",
  "Manage snapshots",
  [
    [commit],
    [diff],
    [info],
    [list, "ls"],
    [mounts, "m", "mount"],
    [making("prepare", "Make a snapshot that can be written to")],
    [remove, "del", "remove", "rm"],
    [label],
    [tree],
    [unpackManifest],
    [usageOf],
    [making("view", "Make a snapshot to be read")],
  ],
  SNAPSHOTTER,
);
