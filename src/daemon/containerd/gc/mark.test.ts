import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Database } from "../../store/database.ts";
import { Marker } from "./mark.ts";
import type { GcNode } from "./references.ts";

const blob = (id: string): GcNode => ({ kind: "content", namespace: "n", id });

/** A store with blobs, and images of some of them. */
async function withStore(body: (db: Database) => Promise<void>): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), "wharf-mark-"));
  try {
    await using db = Database.open(join(dir, "meta.db"));
    await body(db);
  } finally {
    rmSync(dir, { recursive: true });
  }
}

const addBlob = (db: Database, digest: string, labels = {}) =>
  db.run("INSERT INTO content VALUES ('n', ?, 1, ?, '', '')", digest, JSON.stringify(labels));
const addImage = (db: Database, name: string, digest: string, labels = {}) =>
  db.run("INSERT INTO images VALUES ('n', ?, ?, ?, '', '')", name, JSON.stringify({ digest }), JSON.stringify(labels));
const marked = (marker: Marker, ids: readonly string[]) => ids.filter((id) => marker.isMarked(blob(id)));

test("Marker follows what was touched by its row as it is now, not as the scan found it", async () => {
  await withStore(async (db) => {
    const ref = (digest: string) => ({ "containerd.io/gc.ref.content.0": digest });
    addImage(db, "i", "a");
    addBlob(db, "a", ref("b"));
    for (const digest of ["b", "c", "d", "e"]) addBlob(db, digest);
    const marker = new Marker(db);
    await marker.mark();
    assert.deepEqual(marked(marker, ["a", "b", "c", "d"]), ["a", "b"]);
    db.run("UPDATE content SET labels = ? WHERE digest = 'a'", JSON.stringify(ref("c")));
    marker.touch(blob("a"));
    addBlob(db, "new", ref("d"));
    marker.touch(blob("new"));
    marker.drain();
    assert.deepEqual(marked(marker, ["a", "b", "c", "d", "e", "new"]), ["a", "b", "c", "d", "new"]);
  });
});

test("Marker keeps what a root is named by, whichever of them the scan comes to first", async () => {
  await withStore(async (db) => {
    addImage(db, "i", "a");
    addImage(db, "over", "gone", { "containerd.io/gc.expire": "2020-01-01T00:00:00Z" });
    addBlob(db, "a");
    addBlob(db, "of-image", { "containerd.io/gc.bref.image": "i" });
    addBlob(db, "of-blob", { "containerd.io/gc.bref.content": "a", "containerd.io/gc.ref.content": "far" });
    addBlob(db, "far");
    addBlob(db, "of-none", { "containerd.io/gc.bref.image": "over" });
    const marker = new Marker(db);
    await marker.mark();
    assert.deepEqual(marked(marker, ["a", "of-image", "of-blob", "far", "of-none"]), [
      ...["a", "of-image", "of-blob", "far"],
    ]);
  });
});

test("Marker.loose() tells what may be garbage: what is no root and was there when the scan came by", async () => {
  await withStore(async (db) => {
    addImage(db, "i", "a");
    addImage(db, "over", "c", { "containerd.io/gc.expire": "2020-01-01T00:00:00Z" });
    for (const digest of ["a", "b", "c"]) addBlob(db, digest);
    addBlob(db, "root", { "containerd.io/gc.root": "now" });
    db.run(
      "INSERT INTO leases VALUES ('n', 'lives', '{}', ''), ('n', 'ends', ?, '')",
      '{"containerd.io/gc.expire":"2020-01-01T00:00:00Z"}',
    );
    db.run("INSERT INTO lease_resources VALUES ('n', 'lives', 'content', 'b')");
    const marker = new Marker(db);
    await marker.mark();
    addBlob(db, "late");
    marker.drain();
    const found = (["content", "image", "lease", "snapshot"] as const).map((kind) =>
      marker.loose(kind).map((node) => `${node.id}${marker.isMarked(node) ? " kept" : ""}`),
    );
    assert.deepEqual(found, [["a kept", "b kept", "c"], ["over"], ["ends"], []]);
  });
});
