// Content as it is written, read and labelled, and layers as they are applied and made.
import { createHash } from "node:crypto";
import { ContentService, WriteAction } from "../../../../src/common/gen/containerd/services/content.ts";
import { DiffService } from "../../../../src/common/gen/containerd/services/diff.ts";
import { LeasesService } from "../../../../src/common/gen/containerd/services/leases.ts";
import { SnapshotsService } from "../../../../src/common/gen/containerd/services/snapshots.ts";
import { tarOf } from "../../docker/client.ts";
import type { Side } from "./side.ts";

const { WRITE, COMMIT } = WriteAction;
const UNCOMPRESSED = "containerd.io/uncompressed";
const LAYER = "application/vnd.oci.image.layer.v1.tar";
const sha = (bytes: Uint8Array) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

export async function blobs(side: Side): Promise<void> {
  const S = ContentService;
  const lease = { lease: "held" };
  const call = <M extends keyof typeof S.methods>(
    name: string,
    method: M,
    request: Parameters<typeof side.call<typeof S, M>>[3],
  ) => side.call(`blobs: ${name}`, S, method, request, lease);
  await side.quiet(LeasesService, "create", { id: "held" });
  const data = Buffer.from(`${side.space} whole `.repeat(50));
  const digest = sha(data);
  await call("write", "write", [
    { action: WRITE, ref: "b", total: data.length, expected: digest, data: data.subarray(0, 400) },
    { action: WRITE, ref: "b", offset: 400, data: data.subarray(400) },
    { action: COMMIT, ref: "b", offset: data.length, total: data.length, expected: digest, labels: { l: "1", m: "2" } },
  ]);
  await call("info", "info", { digest });
  for (const [offset, size] of [
    [0, 0],
    [0, 1],
    [5, 20],
    [data.length, 0],
    [data.length - 1, 1],
    [data.length - 1, 2],
    [data.length + 1, 0],
    [-1, 0],
    [0, -1],
    [0, data.length + 1],
  ] as const)
    await call(`read ${offset} ${size}`, "read", { digest, offset, size });
  const big = Buffer.alloc(5 << 20, side.space);
  await side.quiet(
    S,
    "write",
    [
      ...Array.from({ length: 5 }, (_, i) => ({
        action: WRITE,
        ref: "big",
        offset: i << 20,
        data: big.subarray(i << 20, (i + 1) << 20),
      })),
      { action: COMMIT, ref: "big", offset: big.length },
    ],
    lease,
  );
  // pieces may be of any size: each says where it begins
  const { outcome, answers: pieces } = await side.quiet(S, "read", { digest: sha(big), offset: 7 });
  let at = 0;
  const wrong = pieces.filter(({ offset, data }) => {
    at += data.length;
    return offset !== at - data.length;
  });
  side.note("blobs: read in pieces", outcome, [at, wrong.length, pieces.length > 1]);
  await call("update a label", "update", {
    info: { digest, labels: { l: "3", n: "4" } },
    updateMask: { paths: ["labels.l"] },
  });
  await call("update labels", "update", { info: { digest, labels: { o: "5" } }, updateMask: { paths: ["labels"] } });
  await call("update of all", "update", { info: { digest, labels: { p: "6" } } });
  await call("update the size", "update", { info: { digest, size: 3 }, updateMask: { paths: ["size"] } });
  await call("info after", "info", { digest });
  for (const filter of ["labels.p==6", "labels.l", `digest==${digest},labels.p`])
    await call(`list ${filter}`, "list", { filters: [filter] });
  await call("the same again", "write", [{ action: WRITE, ref: "again", total: data.length, expected: digest, data }]);
  await call("the same, told at the end", "write", [
    { action: WRITE, ref: "late", data },
    { action: COMMIT, ref: "late", offset: data.length, expected: digest },
  ]);
  await call("abort", "abort", { ref: "late" });
  await call("delete", "delete", { digest });
  await call("delete again", "delete", { digest });
  await call("info when deleted", "info", { digest });
  await call("read when deleted", "read", { digest });
}

export async function layers(side: Side): Promise<void> {
  const S = DiffService;
  const snapshotter = "overlayfs";
  const lease = { lease: "held" };
  const call = <M extends keyof typeof S.methods>(
    name: string,
    method: M,
    request: Parameters<typeof side.call<typeof S, M>>[3],
  ) => side.call(`layers: ${name}`, S, method, request, lease);
  await side.quiet(LeasesService, "create", { id: "held" });
  const layer = async (name: string) => {
    const tar = tarOf(name, { content: `${side.space} ${name}\n` });
    const digest = sha(tar);
    await side.quiet(
      ContentService,
      "write",
      [
        { action: WRITE, ref: name, data: tar },
        { action: COMMIT, ref: name, offset: tar.length, expected: digest },
      ],
      lease,
    );
    return { mediaType: LAYER, digest, size: tar.length };
  };
  const prepare = async (method: "prepare" | "view", key: string, parent = "") =>
    (await side.quiet(SnapshotsService, method, { snapshotter, key, parent }, lease)).answers[0]!.mounts;
  const first = await layer("first");
  const one = await prepare("prepare", "one");
  await call("apply", "apply", { diff: first, mounts: one });
  await call("apply of another size", "apply", { diff: { ...first, size: 7 }, mounts: one });
  await side.call("layers: commit", SnapshotsService, "commit", { snapshotter, key: "one", name: "One" }, lease);
  const upper = await prepare("prepare", "two", "One");
  await call("apply upon it", "apply", { diff: await layer("second"), mounts: upper, syncFs: true });
  await call("apply with a payload for nobody", "apply", {
    diff: first,
    mounts: upper,
    payloads: { nobody: { typeUrl: "no.such", value: Uint8Array.of(1) } },
  });
  const sourceDateEpoch = { seconds: 1_000_000_000, nanos: 0 };
  const lower = await prepare("view", "view", "One");
  for (const mediaType of [LAYER, `${LAYER}+gzip`, ""]) {
    const { outcome, answers } = await side.quiet(
      S,
      "diff",
      {
        left: lower,
        right: upper,
        mediaType,
        ref: `ref${mediaType.length}`,
        labels: { made: mediaType },
        sourceDateEpoch,
      },
      lease,
    );
    const { digest = "", size = 0, mediaType: made } = answers[0]?.diff ?? {};
    side.note(`layers: diff ${mediaType}`, outcome, [made, size > 0]);
    const { outcome: told, answers: infos } = await side.quiet(ContentService, "info", { digest });
    const { labels = {} } = infos[0]?.info ?? {};
    side.note(`layers: what became of ${mediaType}`, told, [labels.made, UNCOMPRESSED in labels]);
    const request = { info: { digest, labels: {} }, updateMask: { paths: [`labels.${UNCOMPRESSED}`] } };
    await side.quiet(ContentService, "update", request);
    await side.quiet(S, "diff", { left: lower, right: upper, mediaType, sourceDateEpoch }, lease);
    const { answers: after } = await side.quiet(ContentService, "info", { digest });
    side.note(`layers: made again ${mediaType}`, told, [UNCOMPRESSED in (after[0]?.info?.labels ?? {})]);
  }
  for (const key of ["view", "two", "One"]) await side.quiet(SnapshotsService, "remove", { snapshotter, key });
}
