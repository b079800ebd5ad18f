/** The namespaces of the core. */

import { WharfError } from "../../../common/errors.ts";
import { mapField, parseFilter } from "../../../common/filters.ts";
import type { Row } from "../../store/database.ts";
import type { Namespace, NamespaceStore } from "../api/namespaces.ts";
import type { FieldPaths, Labels } from "../api/types.ts";
import { checkIdentifier, checkLabels, readLabels, updateLabels } from "../core/labels.ts";
import type { Shared } from "../core/scope.ts";
import { namespaceCreate, namespaceDelete, namespaceUpdate } from "../events/messages.ts";

/** What must be gone before a namespace can go, by table. */
const CONTENTS: Readonly<Record<string, string>> = {
  tasks: "tasks",
  pods: "running sandboxes",
  containers: "containers",
  images: "images",
  content: "content",
  snapshots: "snapshots",
  ingests: "ingests",
};
/** What goes with it. */
const BELONGINGS = ["leases", "sandboxes"];

export class LocalNamespaces implements NamespaceStore {
  readonly #shared: Shared;

  constructor(shared: Shared) {
    this.#shared = shared;
  }

  /** As containerd has it one that is not there has no labels: clients ask before they make anything in it. */
  async get(name: string): Promise<Namespace> {
    return this.#find(name) ?? { name, labels: {} };
  }

  async list(filter = ""): Promise<Namespace[]> {
    const matches = parseFilter(filter);
    const all = this.#shared.db.all("SELECT * FROM namespaces ORDER BY name").map(readNamespace);
    return all.filter(({ name, labels }) =>
      matches((path) =>
        path[0] === "name" ? name : path[0] === "labels" ? mapField(path.slice(1), labels) : undefined,
      ),
    );
  }

  async create(input: { name: string; labels?: Labels | undefined }): Promise<Namespace> {
    const { db } = this.#shared;
    const { name } = input;
    checkIdentifier(name, "namespace");
    const labels = checkLabels(input.labels);
    db.transaction(() => {
      if (db.run("INSERT OR IGNORE INTO namespaces VALUES (?, ?)", name, JSON.stringify(labels)) === 0) {
        throw new WharfError("AlreadyExists", `namespace ${JSON.stringify(name)} already exists`, { subject: name });
      }
      db.afterCommit(() => this.#shared.hub.emit(name, namespaceCreate({ name, labels })));
    });
    await db.durable();
    return { name, labels };
  }

  async update(input: Namespace, fieldPaths?: FieldPaths): Promise<Namespace> {
    const { db } = this.#shared;
    const { name } = input;
    checkIdentifier(name, "namespace");
    const labels = db.transaction(() => {
      // One that is not there is made: with containerd, too, clients begin with the labels.
      db.run("INSERT OR IGNORE INTO namespaces (name) VALUES (?)", name);
      const before = this.#get(name);
      const updated = updateLabels(`namespace ${JSON.stringify(name)}`, before.labels, input.labels, fieldPaths);
      db.run("UPDATE namespaces SET labels = ? WHERE name = ?", JSON.stringify(updated), name);
      db.afterCommit(() => this.#shared.hub.emit(name, namespaceUpdate({ name, labels: updated })));
      return updated;
    });
    await db.durable();
    return { name, labels };
  }

  async delete(name: string): Promise<void> {
    const { db } = this.#shared;
    db.removal(() => {
      this.#get(name);
      const isIn = (table: string) => db.get(`SELECT 1 FROM ${table} WHERE namespace = ? LIMIT 1`, name);
      const left = Object.keys(CONTENTS)
        .filter(isIn)
        .map((table) => CONTENTS[table]!);
      if (left.length > 0) {
        throw new WharfError(
          "FailedPrecondition",
          `namespace ${JSON.stringify(name)} is not empty: it has ${left.join(", ")}`,
          {
            subject: name,
          },
        );
      }
      for (const table of BELONGINGS) db.run(`DELETE FROM ${table} WHERE namespace = ?`, name);
      db.run("DELETE FROM namespaces WHERE name = ?", name);
      db.afterCommit(() => this.#shared.hub.emit(name, namespaceDelete({ name })));
    });
    await db.durable();
  }

  #find(name: string): Namespace | undefined {
    const row = this.#shared.db.get("SELECT * FROM namespaces WHERE name = ?", name);
    return row && readNamespace(row);
  }

  #get(name: string): Namespace {
    const found = this.#find(name);
    if (!found) throw new WharfError("NotFound", `namespace ${JSON.stringify(name)} not found`, { subject: name });
    return found;
  }
}

function readNamespace(row: Row): Namespace {
  return { name: row.name as string, labels: readLabels(row.labels) };
}
