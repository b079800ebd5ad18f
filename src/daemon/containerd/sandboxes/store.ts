/** The sandboxes of one namespace, as metadata. */

import { WharfError } from "../../../common/errors.ts";
import { mapField, parseFilters } from "../../../common/filters.ts";
import type { Row } from "../../store/database.ts";
import type { Sandbox, SandboxInput, SandboxStore } from "../api/sandboxes.ts";
import type { Any, FieldPaths, Filters } from "../api/types.ts";
import { anyColumns, readAny, typeText } from "../core/any-rows.ts";
import { now } from "../core/clock.ts";
import { checkIdentifier, checkLabels, immutableField, readLabels, updateMap } from "../core/labels.ts";
import type { Scope } from "../core/scope.ts";

/** Fields an update without field paths takes. */
const MUTABLE: FieldPaths = ["labels", "extensions", "spec", "runtime"];

export class LocalSandboxes implements SandboxStore {
  readonly #scope: Scope;

  constructor(scope: Scope) {
    this.#scope = scope;
  }

  async get(id: string): Promise<Sandbox> {
    const sandbox = this.find(id);
    if (!sandbox) throw new WharfError("NotFound", `sandbox ${JSON.stringify(id)} not found`, { subject: id });
    return sandbox;
  }

  find(id: string): Sandbox | undefined {
    const { db, namespace } = this.#scope;
    const row = db.get("SELECT * FROM sandboxes WHERE namespace = ? AND id = ?", namespace, id);
    return row && readSandbox(row);
  }

  async list(filters?: Filters): Promise<Sandbox[]> {
    const filter = parseFilters(filters);
    const { db, namespace } = this.#scope;
    const all = db.all("SELECT * FROM sandboxes WHERE namespace = ? ORDER BY id", namespace).map(readSandbox);
    return all.filter(({ id, labels }) =>
      filter(([first, ...rest]) => (first === "id" ? id : first === "labels" ? mapField(rest, labels) : undefined)),
    );
  }

  async create(input: SandboxInput): Promise<Sandbox> {
    const scope = this.#scope;
    const time = now();
    const sandbox = checkSandbox({
      id: input.id,
      runtime: input.runtime ?? { name: "" },
      spec: input.spec,
      labels: input.labels ?? {},
      extensions: input.extensions ?? {},
      sandboxer: input.sandboxer ?? "",
      createdAt: time,
      updatedAt: time,
    });
    scope.write(() => {
      if (this.find(sandbox.id)) {
        const id = JSON.stringify(sandbox.id);
        throw new WharfError("AlreadyExists", `sandbox ${id} already exists`, { subject: sandbox.id });
      }
      this.#put(sandbox);
    });
    await scope.db.durable();
    return sandbox;
  }

  async update(input: SandboxInput, fieldPaths: FieldPaths = []): Promise<Sandbox> {
    const before = await this.get(input.id);
    const sandbox = checkSandbox({ ...applyUpdate(before, input, fieldPaths), updatedAt: now() });
    this.#scope.write(() => this.#put(sandbox));
    this.#scope.shared.gc.schedule();
    await this.#scope.db.durable();
    return sandbox;
  }

  async delete(id: string): Promise<void> {
    const { db, namespace } = this.#scope;
    await this.get(id);
    this.#scope.remove(() => db.run("DELETE FROM sandboxes WHERE namespace = ? AND id = ?", namespace, id));
    this.#scope.shared.gc.schedule();
    await db.durable();
  }

  /** In a transaction: inserts or replaces. */
  #put(sandbox: Sandbox): void {
    const { id, runtime, spec, labels, extensions, sandboxer, createdAt, updatedAt } = sandbox;
    const { options } = runtime;
    this.#scope.db.run(
      "INSERT OR REPLACE INTO sandboxes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      ...[this.#scope.namespace, id, runtime.name, ...anyColumns(options)],
      ...[...anyColumns(spec), sandboxer, JSON.stringify(labels), writeExtensions(extensions)],
      ...[createdAt, updatedAt],
    );
  }
}

function applyUpdate(before: Sandbox, input: SandboxInput, paths: FieldPaths): Sandbox {
  const what = `sandbox ${JSON.stringify(before.id)}`;
  if (paths.length === 0 && (input.runtime?.name ?? "") !== before.runtime.name)
    throw immutableField("runtime.name", what);
  let sandbox = before;
  for (const path of paths.length === 0 ? MUTABLE : paths) {
    const labels = updateMap(path, "labels", sandbox.labels, input.labels);
    const extensions = updateMap(path, "extensions", sandbox.extensions, input.extensions);
    if (labels) sandbox = { ...sandbox, labels };
    else if (extensions) sandbox = { ...sandbox, extensions };
    else if (path === "spec") sandbox = { ...sandbox, spec: input.spec };
    else if (path === "runtime") sandbox = { ...sandbox, runtime: input.runtime ?? { name: "" } };
    else throw immutableField(path, what);
  }
  return sandbox;
}

function checkSandbox(sandbox: Sandbox): Sandbox {
  checkIdentifier(sandbox.id, "sandbox id");
  if ("" in sandbox.extensions) throw new WharfError("InvalidArgument", "the name of an extension is empty");
  return { ...sandbox, labels: checkLabels(sandbox.labels) };
}

function readSandbox(row: Row): Sandbox {
  const options = readAny(row.options_type, row.options);
  return {
    id: row.id as string,
    runtime: { name: row.runtime as string, ...(options && { options }) },
    spec: readAny(row.spec_type, row.spec),
    labels: readLabels(row.labels),
    extensions: readExtensions(row.extensions as string),
    sandboxer: row.sandboxer as string,
    createdAt: row.created_at as string,
    updatedAt: row.updated_at as string,
  };
}

/** As JSON, values in base64: a sandbox has few of them. */
function writeExtensions(extensions: Record<string, Any>): string {
  const pairs = Object.entries(extensions).map(([name, any]) => [
    name,
    [typeText(any), Buffer.from(any.value).toString("base64")],
  ]);
  return JSON.stringify(Object.fromEntries(pairs));
}

function readExtensions(text: string): Record<string, Any> {
  const extensions: Record<string, Any> = {};
  for (const [name, [type, value]] of Object.entries(JSON.parse(text) as Record<string, [string, string]>)) {
    extensions[name] = readAny(type, Buffer.from(value, "base64"))!;
  }
  return extensions;
}
