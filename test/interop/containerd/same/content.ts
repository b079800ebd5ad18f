// Content: ingests and their offsets, labels, what is refused.
import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { ContentService, WriteAction } from "../../../../src/common/gen/containerd/services/content.ts";
import { LeasesService } from "../../../../src/common/gen/containerd/services/leases.ts";
import { encodeUtf8 } from "../../../../src/common/utf8.ts";
import type { Side } from "./side.ts";

const { STAT, WRITE, COMMIT } = WriteAction;
const LONG = "x".repeat(4097);
const S = ContentService;
export const sha = (text: string) => `sha256:${createHash("sha256").update(text).digest("hex")}`;

export async function content(side: Side): Promise<void> {
  const call = <M extends keyof typeof S.methods>(
    name: string,
    method: M,
    request: Parameters<typeof side.call<typeof S, M>>[3],
  ) => side.call(`content: ${name}`, S, method, request, { lease: "held" });
  await side.quiet(LeasesService, "create", { id: "held" });
  // another text in each run: content is shared between namespaces
  const name = (one: string) => `${side.space} ${one}`.padEnd(30);
  const bytes = (one: string) => encodeUtf8(one);
  const a = name("a");
  await call("info of none", "info", { digest: sha("nothing") });
  await call("info of no digest", "info", { digest: "x" });
  await call("info without", "info", {});
  await call("read of none", "read", { digest: sha("nothing") });
  await call("read of no digest", "read", { digest: "x" });
  await call("status of none", "status", { ref: "nothing" });
  await call("status without", "status", { ref: "" });
  await call("abort of none", "abort", { ref: "nothing" });
  await call("delete of none", "delete", { digest: sha("nothing") });
  await call("delete of no digest", "delete", { digest: "x" });
  await call("update of none", "update", { info: { digest: sha("nothing"), labels: { a: "1" } } });
  await call("update of no digest", "update", { info: { digest: "x", labels: { a: "1" } } });
  // one write
  await call("stat", "write", [{ action: STAT, ref: "one", total: 30, expected: sha(a) }]);
  await call("statuses", "listStatuses", {});
  await call("status", "status", { ref: "one" });
  await call("write a part", "write", [
    { action: WRITE, ref: "one", total: 30, expected: sha(a), data: bytes(a.slice(0, 10)) },
  ]);
  await call("status after", "status", { ref: "one" });
  await call("stat after", "write", [{ action: STAT, ref: "one" }]);
  await call("another total", "write", [{ action: STAT, ref: "one", total: 31, expected: sha(a) }]);
  await call("another digest", "write", [{ action: STAT, ref: "one", total: 30, expected: sha("other") }]);
  await call("an offset beyond the end", "write", [
    { action: WRITE, ref: "one", total: 30, expected: sha(a), offset: 11, data: bytes("x") },
  ]);
  await call("an offset before the end", "write", [
    { action: WRITE, ref: "one", total: 30, expected: sha(a), offset: 5, data: bytes(a.slice(5, 15)) },
  ]);
  await call("a commit of too little", "write", [{ action: COMMIT, ref: "one", total: 30, expected: sha(a) }]);
  await call("stat after", "write", [{ action: STAT, ref: "one" }]);
  await call("the rest, and a commit", "write", [
    { action: STAT, ref: "one" },
    { action: WRITE, ref: "one", offset: 15, data: bytes(a.slice(15)) },
    { action: COMMIT, ref: "one", offset: 30, total: 30, expected: sha(a), labels: { l: "1", "": "" } },
  ]);
  await call("status when committed", "status", { ref: "one" });
  await call("info", "info", { digest: sha(a) });
  await call("a stat of what is there", "write", [{ action: STAT, ref: "one", total: 30, expected: sha(a) }]);
  await call("a write of what is there", "write", [
    { action: WRITE, ref: "again", total: 30, expected: sha(a), data: bytes(a) },
  ]);
  await call("write without expectations what is there", "write", [
    { action: WRITE, ref: "again", data: bytes(a) },
    { action: COMMIT, ref: "again" },
  ]);
  for (const [offset, size] of [
    [0, 0],
    [5, 5],
    [0, 30],
    [30, 0],
    [31, 0],
    [29, 5],
    [-1, 0],
    [0, -1],
    [0, 31],
    [10, 0],
    [30, 1],
  ] as const)
    await call(`read ${offset} ${size}`, "read", { digest: sha(a), offset, size });
  // what cannot be
  await call("no ref", "write", [{ action: STAT, ref: "" }]);
  await call("a strange ref", "write", [{ action: STAT, ref: "a/b c\n\u00e4" }]);
  await call("a ref that is too long", "write", [{ action: STAT, ref: LONG }]);
  await call("abort it", "abort", { ref: "a/b c\n\u00e4" });
  await call("no action", "write", [{ action: 9 as never, ref: "x" }]);
  await call("nothing", "write", []);
  await call("no digest", "write", [{ action: STAT, ref: "bad", total: 3, expected: "x" }]);
  await call("a negative total", "write", [{ action: STAT, ref: "negative", total: -1 }]);
  await call("a negative offset", "write", [{ action: WRITE, ref: "negative", offset: -1, data: bytes("abc") }]);
  await call("another ref in one call", "write", [
    { action: STAT, ref: "ref1" },
    { action: WRITE, ref: "ref2", data: bytes("x") },
  ]);
  await call("refs after", "listStatuses", { filters: ["ref==ref1"] });
  await call("refs after", "listStatuses", { filters: ["ref==ref2"] });
  await call("wrong digest at the end", "write", [
    { action: WRITE, ref: "wrong", data: bytes("abc") },
    { action: COMMIT, ref: "wrong", expected: sha("abd") },
  ]);
  await call("status after", "status", { ref: "wrong" });
  await call("wrong size at the end", "write", [
    { action: WRITE, ref: "wrong", offset: 3 },
    { action: COMMIT, ref: "wrong", total: 4 },
  ]);
  await call("status after", "status", { ref: "wrong" });
  await call("abort", "abort", { ref: "wrong" });
  await call("more than the total", "write", [{ action: WRITE, ref: "more", total: 2, data: bytes("abc") }]);
  await call("status after", "status", { ref: "more" });
  await call("a commit of more than the total", "write", [{ action: COMMIT, ref: "more", total: 2 }]);
  await call("nothing at all", "write", [{ action: COMMIT, ref: "empty", expected: sha("") }]);
  await call("info of nothing", "info", { digest: sha("") });
  await call("labels that are too long", "write", [
    { action: WRITE, ref: "labels", data: bytes(name("lab")) },
    { action: COMMIT, ref: "labels", labels: { a: LONG } },
  ]);
  await call("the commit again", "write", [{ action: COMMIT, ref: "labels", offset: 30 }]);
  await call("after a commit", "write", [
    { action: WRITE, ref: "after", data: bytes(name("after")) },
    { action: COMMIT, ref: "after" },
    { action: WRITE, ref: "after", offset: 30, data: bytes("x") },
  ]);
  await call("data with the commit", "write", [
    { action: COMMIT, ref: "with", data: bytes(name("with")), expected: sha(name("with")) },
  ]);
  await call("truncated", "write", [
    { action: WRITE, ref: "trunc", data: bytes("0123456789") },
    { action: WRITE, ref: "trunc", offset: 3, data: bytes("abc") },
    { action: STAT, ref: "trunc" },
    { action: WRITE, ref: "trunc", offset: 0, data: bytes("z") },
    { action: STAT, ref: "trunc" },
  ]);
  await call("abort", "abort", { ref: "trunc" });
  // locks
  const open = side.open(S, "write", { lease: "held" });
  open.send({ action: STAT, ref: "locked" });
  side.note("content: the first writer", { code: 0, message: "" }, [await open.next()]);
  await call("a second writer", "write", [{ action: STAT, ref: "locked" }]);
  await call("status of a locked one", "status", { ref: "locked" });
  open.end();
  side.note("content: the first writer's end", await open.outcome, []);
  await call("a writer after it", "write", [{ action: STAT, ref: "locked" }]);
  const cut = side.open(S, "write", { lease: "held" });
  cut.send({ action: WRITE, ref: "locked", data: bytes("abc") });
  side.note("content: a writer that is cut off", { code: 0, message: "" }, [await cut.next()]);
  cut.cancel();
  await cut.outcome;
  for (let i = 0; i < 100; i++) {
    const { outcome } = await side.quiet(S, "write", [{ action: STAT, ref: "locked" }], { lease: "held" });
    if (outcome.code === 0) break;
    await sleep(50);
  }
  await call("status after it", "status", { ref: "locked" });
  await call("abort", "abort", { ref: "locked" });
  // labels
  const update = (what: string, labels: Record<string, string>, ...paths: string[]) =>
    call(`update ${what}`, "update", { info: { digest: sha(a), labels }, updateMask: { paths } });
  await update("all", { a: "1", b: "2" });
  await update("labels", { c: "3" }, "labels");
  await update("one", { d: "4", e: "5" }, "labels.d");
  await update("one away", {}, "labels.d");
  await update("one to nothing", { c: "" }, "labels.c");
  await update("the size", {}, "size");
  await update("the digest", {}, "digest");
  await update("created_at", {}, "created_at");
  await update("an unknown", {}, "bogus");
  await update("too long", { a: LONG }, "labels");
  await call("info after", "info", { digest: sha(a) });
  for (const filter of [
    `digest==${sha(a)}`,
    "size==30",
    "labels.a",
    "labels.b==2",
    "bogus",
    "size>3",
    "digest==",
    "digest~=zz",
    "size",
    "labels",
    "created",
    "digest",
  ])
    await call(`list ${filter}`, "list", {
      filters:
        filter === "size==30" || filter === "size" || filter === "digest" ? [`${filter},digest==${sha(a)}`] : [filter],
    });
  for (const r of ["one", "again", "negative", "ref1", "ref2", "more", "labels", "after", "with", "bad", "x", "empty"])
    await call(`status of ${r}`, "status", { ref: r });
  for (const filter of ["ref==more", "ref~=^mo", "bogus==1", "ref=", "offset==3", "total==2", "ref", "expected"])
    await call(`statuses ${filter}`, "listStatuses", { filters: [`${filter}`, "ref==nothing"] });
  await call("delete", "delete", { digest: sha(a) });
  await call("info after", "info", { digest: sha(a) });
  await call("read after", "read", { digest: sha(a) });
  // another namespace
  const other = { namespace: `${side.space}-o`, lease: "held" };
  await side.quiet(LeasesService, "create", { id: "held" }, { namespace: other.namespace });
  const w = name("with");
  await side.call("content: of another namespace", S, "info", { digest: sha(w) }, other);
  await side.call("content: of another namespace", S, "read", { digest: sha(w) }, other);
  await side.call(
    "content: taken over by its digest",
    S,
    "write",
    [{ action: STAT, ref: "over", total: 30, expected: sha(w) }],
    other,
  );
  await side.call("content: taken over", S, "info", { digest: sha(w) }, other);
  await side.call(
    "content: taken over with a wrong size",
    S,
    "write",
    [{ action: STAT, ref: "over2", total: 31, expected: sha(name("after")) }],
    other,
  );
  await side.call("content: without a namespace", S, "write", [{ action: STAT, ref: "x" }], { namespace: "" });
  await side.call("content: without a namespace", S, "info", { digest: sha(w) }, { namespace: "" });
  await side.call("content: without a namespace", S, "list", {}, { namespace: "" });
  await side.call("content: without a namespace", S, "read", { digest: sha(w) }, { namespace: "" });
  await side.call(
    "content: a lease that is not there",
    S,
    "write",
    [
      { action: WRITE, ref: "nolease", data: bytes(name("nl")) },
      { action: COMMIT, ref: "nolease" },
    ],
    { lease: "nothing" },
  );
}
