/** The containers of one namespace. */

import { WharfError } from "../../../common/errors.ts";
import { parseFilters } from "../../../common/filters.ts";
import { giveBack } from "../../given-back.ts";
import type { Value } from "../../store/database.ts";
import { nextTurn, PART } from "../../turn.ts";
import type { Container, ContainerInput, ContainerStore, WriteOptions } from "../api/containers.ts";
import type { FieldPaths, Filters } from "../api/types.ts";
import { now } from "../core/clock.ts";
import { checkIdentifier, checkLabels, immutableField, updateMap } from "../core/labels.ts";
import type { Scope } from "../core/scope.ts";
import { containerCreate, containerDelete, containerUpdate } from "../events/messages.ts";
import {
  COLUMNS,
  containerAdaptor,
  insertContainer,
  readAllExtensions,
  readContainer,
  readExtensions,
  SEEN,
  updateContainer,
} from "./rows.ts";

/** Fields an update without field paths takes. */
const MUTABLE: FieldPaths = ["labels", "spec", "extensions", "image", "snapshotkey"];

export class LocalContainers implements ContainerStore {
  readonly #scope: Scope;

  constructor(scope: Scope) {
    this.#scope = scope;
  }

  async get(id: string): Promise<Container> {
    return this.#get(id);
  }

  async list(filters?: Filters): Promise<Container[]> {
    return (await Array.fromAsync(this.#read(filters))).flat();
  }

  async *pages(filters?: Filters): AsyncGenerator<Container[]> {
    for await (const page of this.#read(filters)) {
      yield page;
      for (const { spec } of page) if (spec) giveBack(spec.value);
    }
  }

  async *#read(filters: Filters = []): AsyncGenerator<Container[]> {
    const filter = filters.length > 0 ? parseFilters(filters) : undefined;
    const { db, namespace } = this.#scope;
    // Of most, whose specification is most of them, a filter looks at little.
    const sql = `SELECT ${filter ? SEEN : COLUMNS} FROM containers WHERE namespace = ? AND id > ? ORDER BY id LIMIT ?`;
    const wanted = `SELECT ${COLUMNS} FROM containers WHERE namespace = ? AND id IN (SELECT value FROM json_each(?)) ORDER BY id`;
    for (let after = ""; ; await nextTurn()) {
      const rows = db.tuples(sql, namespace, after, PART);
      const last = rows.at(-1)?.[0] as string | undefined;
      if (last === undefined) return;
      const found = filter ? rows.filter((row) => filter(containerAdaptor(row))) : rows;
      if (found.length > 0) {
        const extensions = readAllExtensions(db, namespace, after, last);
        const whole = filter ? db.tuples(wanted, namespace, JSON.stringify(found.map(([id]) => id))) : found;
        yield whole.map((row) => readContainer(row, extensions.get(row[0] as string) ?? {}));
      }
      if (rows.length < PART) return;
      after = last;
    }
  }

  async create(input: ContainerInput, { flush }: WriteOptions = {}): Promise<Container> {
    const scope = this.#scope;
    const time = now();
    const container = checkContainer({
      id: input.id,
      labels: input.labels ?? {},
      image: input.image ?? "",
      runtime: input.runtime ?? { name: "" },
      spec: input.spec,
      snapshotter: input.snapshotter ?? "",
      snapshotKey: input.snapshotKey ?? "",
      extensions: input.extensions ?? {},
      sandbox: input.sandbox ?? "",
      createdAt: time,
      updatedAt: time,
    });
    scope.write(() => {
      if (this.#find(container.id)) {
        throw new WharfError("AlreadyExists", `container ${JSON.stringify(container.id)} already exists`, {
          subject: container.id,
        });
      }
      insertContainer(scope.db, scope.namespace, container);
      scope.hold("container", container.id);
      const { id, image, runtime } = container;
      scope.emit(containerCreate({ id, image, runtime }));
    });
    await scope.flush(flush);
    return container;
  }

  async update(input: ContainerInput, fieldPaths: FieldPaths = [], { flush }: WriteOptions = {}): Promise<Container> {
    const scope = this.#scope;
    let referring = false;
    const container = scope.write(() => {
      const before = this.#get(input.id);
      const changed = applyUpdate(before, input, fieldPaths);
      referring = changed.labels !== before.labels || changed.image !== before.image;
      referring ||= changed.snapshotKey !== before.snapshotKey;
      const updated = checkContainer({ ...changed, updatedAt: now() });
      updateContainer(scope.db, scope.namespace, before, updated);
      scope.hold("container", updated.id);
      const { id, image, labels, snapshotKey } = updated;
      scope.emit(containerUpdate({ id, image, labels, snapshotKey }));
      return updated;
    });
    // Nothing else of a container refers to what may be garbage now.
    if (referring) scope.shared.gc.schedule();
    await scope.flush(flush);
    return container;
  }

  async delete(id: string, { flush }: WriteOptions = {}): Promise<void> {
    const scope = this.#scope;
    scope.remove(() => {
      this.#get(id);
      if (scope.db.get("SELECT 1 FROM tasks WHERE namespace = ? AND id = ?", scope.namespace, id)) {
        throw new WharfError("FailedPrecondition", `cannot delete container ${JSON.stringify(id)}: it has a task`, {
          subject: id,
          hint: "kill and delete the task first",
        });
      }
      scope.db.run("DELETE FROM containers WHERE namespace = ? AND id = ?", scope.namespace, id);
      scope.emit(containerDelete({ id }));
    });
    scope.shared.gc.schedule();
    await scope.flush(flush);
  }

  #find(id: string): Value[] | undefined {
    const sql = `SELECT ${COLUMNS} FROM containers WHERE namespace = ? AND id = ?`;
    return this.#scope.db.tuples(sql, this.#scope.namespace, id)[0];
  }

  #get(id: string): Container {
    const row = this.#find(id);
    if (!row) throw new WharfError("NotFound", `container ${JSON.stringify(id)} not found`, { subject: id });
    return readContainer(row, readExtensions(this.#scope.db, this.#scope.namespace, id));
  }
}

function applyUpdate(before: Container, input: ContainerInput, paths: FieldPaths): Container {
  if (paths.length === 0) {
    // Fields that cannot change must not differ, so that they may become mutable one day.
    if (input.snapshotter !== undefined && input.snapshotter !== before.snapshotter) {
      throw immutableField("snapshotter", `container ${JSON.stringify(before.id)}`);
    }
    if (input.runtime !== undefined && input.runtime.name !== before.runtime.name) {
      throw immutableField("runtime.name", `container ${JSON.stringify(before.id)}`);
    }
  }
  let container = before;
  for (const path of paths.length === 0 ? MUTABLE : paths) {
    const labels = updateMap(path, "labels", container.labels, input.labels);
    const extensions = updateMap(path, "extensions", container.extensions, input.extensions);
    if (labels) container = { ...container, labels };
    else if (extensions) container = { ...container, extensions };
    else if (path === "spec") container = { ...container, spec: input.spec ?? container.spec };
    else if (path === "image") container = { ...container, image: input.image ?? "" };
    else if (path === "snapshotkey") container = { ...container, snapshotKey: input.snapshotKey ?? "" };
    else throw immutableField(path, `container ${JSON.stringify(before.id)}`);
  }
  return container;
}

/** The container with checked labels. InvalidArgument. */
function checkContainer(container: Container): Container {
  const { id, runtime, spec, snapshotter, snapshotKey, extensions } = container;
  checkIdentifier(id, "container id");
  const fault =
    runtime.name === ""
      ? "it has no runtime"
      : !spec
        ? "it has no spec"
        : snapshotKey !== "" && snapshotter === ""
          ? "it has a snapshot key and no snapshotter"
          : "" in extensions
            ? "the name of an extension is empty"
            : undefined;
  if (fault) throw new WharfError("InvalidArgument", `bad container ${JSON.stringify(id)}: ${fault}`, { subject: id });
  return { ...container, labels: checkLabels(container.labels) };
}
