/** The images of one namespace. */

import { isDigest } from "../../../common/digest.ts";
import { WharfError } from "../../../common/errors.ts";
import { mapField, parseFilters } from "../../../common/filters.ts";
import type { Value } from "../../store/database.ts";
import { nextTurn, PART } from "../../turn.ts";
import type { Image, ImageDeleteOptions, ImageInput, ImageStore } from "../api/images.ts";
import type { Descriptor, FieldPaths, Filters } from "../api/types.ts";
import { now } from "../core/clock.ts";
import { checkLabels, immutableField, readLabels, updateMap } from "../core/labels.ts";
import type { Scope } from "../core/scope.ts";
import { imageCreate, imageDelete, imageUpdate } from "../events/messages.ts";
import { EXPIRE_LABEL } from "../gc/references.ts";

export class LocalImages implements ImageStore {
  readonly #scope: Scope;

  constructor(scope: Scope) {
    this.#scope = scope;
  }

  async get(name: string): Promise<Image> {
    return this.#get(name);
  }

  async list(filters?: Filters): Promise<Image[]> {
    return (await Array.fromAsync(this.pages(filters))).flat();
  }

  /** All are read at once: one that gets another name meanwhile would be missed. */
  async *pages(filters?: Filters): AsyncGenerator<Image[]> {
    const filter = parseFilters(filters);
    const rows = this.#scope.db.tuples(`${SELECT} WHERE namespace = ? ORDER BY name`, this.#scope.namespace);
    for (let at = 0; at < rows.length; at += PART) {
      if (at > 0) await nextTurn();
      yield rows
        .slice(at, at + PART)
        .map(readImage)
        .filter((image) => filter(imageAdaptor(image)));
    }
  }

  async create(input: ImageInput): Promise<Image> {
    const scope = this.#scope;
    const { name } = input;
    const target = described(input.target);
    checkImage(name, target);
    const labels = checkLabels(input.labels);
    const time = input.sourceDateEpoch ?? now();
    const image = { name, labels, target, createdAt: time, updatedAt: time };
    scope.write(() => {
      const values = [scope.namespace, name, JSON.stringify(target), JSON.stringify(labels), time, time];
      if (scope.db.run("INSERT OR IGNORE INTO images VALUES (?, ?, ?, ?, ?, ?)", ...values) === 0) {
        throw new WharfError("AlreadyExists", `image ${JSON.stringify(name)} already exists`, { subject: name });
      }
      this.#hold(image);
      scope.emit(imageCreate({ name, labels }));
    });
    await scope.db.durable();
    return image;
  }

  async update(input: ImageInput, fieldPaths: FieldPaths = []): Promise<Image> {
    const scope = this.#scope;
    const image = scope.write(() => {
      const before = this.#get(input.name);
      const after = applyUpdate(before, input, fieldPaths);
      const target = described(after.target);
      checkImage(after.name, target);
      const labels = checkLabels(after.labels);
      const updated = { ...after, target, labels, updatedAt: input.sourceDateEpoch ?? now() };
      const { name, updatedAt } = updated;
      const sql = "UPDATE images SET target = ?, labels = ?, updated_at = ? WHERE namespace = ? AND name = ?";
      scope.db.run(sql, JSON.stringify(target), JSON.stringify(labels), updatedAt, scope.namespace, name);
      this.#hold(updated);
      scope.emit(imageUpdate({ name, labels }));
      return updated;
    });
    scope.shared.gc.schedule();
    await scope.db.durable();
    return image;
  }

  async delete(name: string, options: ImageDeleteOptions = {}): Promise<void> {
    const scope = this.#scope;
    scope.remove(() => {
      const image = this.#get(name);
      const { target } = options;
      if (target?.digest && target.digest !== image.target.digest) {
        const message = `image ${JSON.stringify(name)} points to ${image.target.digest}, not to ${target.digest}`;
        throw new WharfError("NotFound", message, { subject: name });
      }
      scope.db.run("DELETE FROM images WHERE namespace = ? AND name = ?", scope.namespace, name);
      scope.release(name, "images");
      scope.emit(imageDelete({ name }));
    });
    await scope.db.durable();
    if (options.sync) await scope.shared.gc.run();
    else scope.shared.gc.schedule();
  }

  /** Only an image that can be collected needs a lease. */
  #hold(image: Image): void {
    const expires = EXPIRE_LABEL in image.labels;
    this.#scope.hold("image", image.name, expires ? "images" : undefined);
    if (expires) this.#scope.shared.gc.schedule();
  }

  #get(name: string): Image {
    const [row] = this.#scope.db.tuples(`${SELECT} WHERE namespace = ? AND name = ?`, this.#scope.namespace, name);
    if (!row) throw new WharfError("NotFound", `image ${JSON.stringify(name)} not found`, { subject: name });
    return readImage(row);
  }
}

const SELECT = "SELECT name, labels, target, created_at, updated_at FROM images";

function readImage([name, labels, target, createdAt, updatedAt]: Value[]): Image {
  return {
    name: name as string,
    labels: readLabels(labels),
    target: JSON.parse(target as string) as Descriptor,
    createdAt: createdAt as string,
    updatedAt: updatedAt as string,
  };
}

/** A target without the annotations that have no value, as with labels. */
function described(target: Descriptor): Descriptor {
  const { annotations, ...plain } = target;
  const kept = Object.entries(annotations ?? {}).filter(([, value]) => value !== "");
  return kept.length > 0 ? { ...plain, annotations: Object.fromEntries(kept) } : plain;
}

function applyUpdate(before: Image, input: ImageInput, paths: FieldPaths): Image {
  if (paths.length === 0) return { ...before, target: input.target, labels: input.labels ?? {} };
  let image = before;
  for (const path of paths) {
    const labels = updateMap(path, "labels", image.labels, input.labels);
    const annotations = updateMap(path, "annotations", image.target.annotations ?? {}, input.target.annotations);
    if (labels) image = { ...image, labels };
    else if (annotations) image = { ...image, target: { ...image.target, annotations } };
    else if (path === "target") image = { ...image, target: input.target };
    else throw immutableField(path, `image ${JSON.stringify(input.name)}`);
  }
  return image;
}

function checkImage(name: string, target: Descriptor): void {
  const fault =
    typeof name !== "string" || name === ""
      ? "its name is empty"
      : !isDigest(target.digest)
        ? `its target has no proper digest: ${JSON.stringify(target.digest)}`
        : !(Number.isSafeInteger(target.size) && target.size > 0)
          ? `its target has no proper size: ${JSON.stringify(target.size)}`
          : !target.mediaType
            ? "its target has no media type"
            : undefined;
  if (fault) throw new WharfError("InvalidArgument", `bad image ${JSON.stringify(name)}: ${fault}`, { subject: name });
}

function imageAdaptor(image: Image) {
  return (path: readonly string[]) => {
    const [first, ...rest] = path;
    switch (first) {
      case "name":
        return image.name;
      case "target":
        return rest[0] === "digest"
          ? image.target.digest
          : rest[0] === "mediatype"
            ? image.target.mediaType
            : undefined;
      case "labels":
        return mapField(rest, image.labels);
      case "annotations":
        return mapField(rest, image.target.annotations ?? {});
      default:
        return undefined;
    }
  };
}
