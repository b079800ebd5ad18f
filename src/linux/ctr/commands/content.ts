// ctr content: blobs by their digests.
import { bool, duration, type FlagValues, int, list as listFlag, refused, string } from "../../../common/cli/flags.ts";
import { humanDuration, humanSize } from "../../../common/cli/units.ts";
import { isCode } from "../../../common/errors.ts";
import { ImageStore } from "../../../common/gen/containerd/transfer/imagestore.ts";
import type { Timestamp } from "../../../common/gen/google/protobuf/timestamp.ts";
import { packAny } from "../../../common/protobuf/any.ts";
import { read } from "../../sys/fs.ts";
import { BlobWriter, PIECE } from "../content-write.ts";
import { type Ctr, command, group, need, throwAll, usage } from "../ctr.ts";
import { editFile } from "../edit.ts";
import { REGISTRY } from "../flags.ts";
import { eachPiece, HOST, platformOf, readBlob } from "../image.ts";
import { labelPaths, labelsOf, labelText } from "../labels.ts";
import { ProgressDisplay } from "../progress.ts";
import { registryOf } from "../registry.ts";
import { transfer } from "../transfer.ts";
import { fetchBlob, fetchObject, pushObject } from "./content-objects.ts";

function digestOf(args: readonly string[], at = 0): string {
  const digest = need(args, at, "a digest");
  if (!/^[a-z0-9]+:[0-9a-f]{32,}$/.test(digest)) throw usage(`${JSON.stringify(digest)} is no digest`);
  return digest;
}

function age(since: Timestamp | undefined): string {
  return humanDuration(Date.now() / 1000 - (since?.seconds ?? 0));
}

const get = command({
  name: "get",
  summary: "Write a blob to stdout",
  usage: "DIGEST",
  flags: {},
  run: async (ctr, { args }) => {
    await eachPiece(ctr, digestOf(args), (piece) => ctr.out(piece));
    return 0;
  },
});

const ingest = command({
  name: "ingest",
  summary: "Take a blob from stdin",
  usage: "NAME",
  flags: {
    "expected-size": int("Its size, which is checked", { type: "BYTES", min: 0 }),
    "expected-digest": string("Its digest, which is checked", { type: "DIGEST" }),
  },
  run: async (ctr, { flags, args }) => {
    if (flags["expected-digest"]) digestOf([flags["expected-digest"]]);
    const request = { size: flags["expected-size"], digest: flags["expected-digest"] };
    const writer = new BlobWriter(ctr, { ref: need(args, 0, "a name"), ...request });
    const buffer = new Uint8Array(PIECE);
    try {
      for (let length = read(0, buffer); length > 0; length = read(0, buffer)) {
        await writer.write(buffer.slice(0, length));
      }
      await writer.commit();
    } catch (error) {
      // the blob is there: nothing is left to do
      if (!isCode(error, "AlreadyExists")) throw error;
    }
    return 0;
  },
});

const active = command({
  name: "active",
  summary: "List blobs that are being written",
  usage: "[PATTERN]",
  flags: { timeout: duration("For the original's sake", { short: "t", hidden: true }) },
  run: async (ctr, { args }) => {
    const { statuses } = await ctr.content.listStatuses({ filters: args[0] ? [`ref~=${args[0]}`] : [] });
    const rows = statuses.map(({ ref, offset, startedAt }) => `${ref}\t${humanSize(offset)}\t${age(startedAt)}\t`);
    ctr.tabs(["REF\tSIZE\tAGE\t", ...rows]);
    return 0;
  },
});

const list = command({
  name: "list",
  summary: "List blobs",
  usage: "[FILTER...]",
  flags: { quiet: bool("Only the digests", { short: "q" }) },
  run: async (ctr, { flags, args }) => {
    const rows = ["DIGEST\tSIZE\tAGE\tLABELS"];
    for await (const { info } of ctr.content.list({ filters: args })) {
      for (const { digest, size, createdAt, labels } of info) {
        if (flags.quiet) ctr.line(digest);
        else rows.push(`${digest}\t${humanSize(size)}\t${age(createdAt)}\t${labelText(labels)}`);
      }
    }
    if (!flags.quiet) ctr.tabs(rows);
    return 0;
  },
});

const label = command({
  name: "label",
  summary: "Set or clear labels of a blob",
  usage: "DIGEST [KEY=VALUE...]",
  flags: {},
  run: async (ctr, { args }) => {
    const digest = digestOf(args);
    const labels = labelsOf(args.slice(1));
    const paths = labelPaths(labels);
    const { info } =
      paths.length === 0
        ? await ctr.content.info({ digest })
        : await ctr.content.update({ info: { digest, labels }, updateMask: { paths } });
    ctr.line(labelText(info!.labels));
    return 0;
  },
});

const remove = command({
  name: "delete",
  summary: "Delete blobs",
  usage: "DIGEST [DIGEST...]",
  flags: {},
  run: async (ctr, { args }) => {
    const errors: Error[] = [];
    for (const at of args.keys()) {
      try {
        await ctr.content.delete({ digest: digestOf(args, at) });
        ctr.line(args[at]!);
      } catch (error) {
        if (isCode(error, "NotFound")) ctr.warn(`${args[at]}: no such blob`);
        else errors.push(error as Error);
      }
    }
    throwAll(errors);
    return 0;
  },
});

const edit = command({
  name: "edit",
  summary: "Change a blob in an editor; what comes out is a new blob",
  usage: "DIGEST",
  flags: {
    editor: string("Editor (also EDITOR)", { type: "PROGRAM" }),
    validate: string("Not supported", { hidden: true }),
  },
  run: async (ctr, { flags, args }) => {
    if (flags.validate) throw usage("--validate is not supported");
    const digest = digestOf(args);
    const changed = editFile(await readBlob(ctr, digest), flags.editor || ctr.env.get("EDITOR") || "vi");
    const writer = new BlobWriter(ctr, { ref: `edit-${digest}` });
    await writer.write(changed);
    ctr.line(await writer.commit());
    return 0;
  },
});

const FETCH = {
  ...REGISTRY,
  "all-platforms": bool("For all platforms"),
  platform: listFlag("Platform, may be given again", { type: "OS/ARCH" }),
  label: listFlag("Label of the image", { type: "KEY=VALUE" }),
  "skip-metadata": bool("Leave out the documents of platforms that are not wanted"),
  "metadata-only": refused("the daemon fetches an image whole", "'ctr content fetch-object' shows its document"),
} as const;

async function fetchContent(ctr: Ctr, name: string, flags: FlagValues<typeof FETCH>) {
  const chosen = flags.platform.length > 0 ? flags.platform.map(platformOf) : [HOST];
  const display = new ProgressDisplay();
  const store = packAny(ImageStore, {
    name,
    labels: labelsOf(flags.label),
    platforms: flags["all-platforms"]
      ? []
      : chosen.map((one) => ({ ...one, variant: one.variant ?? "", osVersion: "" })),
    allMetadata: !flags["skip-metadata"],
  });
  await transfer(ctr, await registryOf(ctr, name, flags), store, display.take);
  display.done();
}

const fetch = command({
  name: "fetch",
  summary: "Fetch an image's content without unpacking it",
  usage: "IMAGE",
  flags: FETCH,
  run: async (ctr, { flags, args }) => {
    await fetchContent(ctr, need(args, 0, "an image"), flags);
    return 0;
  },
});

/** Labels by which manifests keep layers alive. */
const LAYER_LABEL = /^containerd\.io\/gc\.ref\.content\.(l\.)?\d+$/;

const pruneReferences = command({
  name: "references",
  summary: "Let go of compressed layers: snapshots hold what they unpacked to",
  usage: "",
  flags: { async: bool("Do not wait for the removal"), dry: bool("Only say what would be done") },
  run: async (ctr, { flags }) => {
    for await (const { info } of ctr.content.list({})) {
      for (const { digest, labels } of info) {
        const cleared = Object.keys(labels).filter((key) => LAYER_LABEL.test(key) && key.includes(".l."));
        if (flags.dry) for (const key of cleared) ctr.err(`${digest}: ${key}=${labels[key]}\n`);
        if (flags.dry || cleared.length === 0) continue;
        const paths = cleared.map((key) => `labels.${key}`);
        await ctr.content.update({ info: { digest, labels: {} }, updateMask: { paths } });
      }
    }
    if (flags.dry || flags.async) return 0;
    const { lease } = await ctr.leases.create({ id: `ctr-prune-${Date.now()}` });
    await ctr.leases.delete({ id: lease!.id, sync: true });
    return 0;
  },
});

export const content = group("content", "Manage content", [
  [active],
  [remove, "del", "remove", "rm"],
  [edit],
  [fetch],
  [fetchBlob],
  [fetchObject],
  [get],
  [ingest],
  [list, "ls"],
  [pushObject],
  [label],
  [group("prune", "Let content go", [[pruneReferences]])],
]);
