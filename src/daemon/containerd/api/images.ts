/** Images: names for descriptors. An image is a root of garbage collection. */

import type { Descriptor, FieldPaths, Filters, Labels, Timestamp } from "./types.ts";

/** Filters see `name`, `target.digest`, `target.mediatype`, `labels.<key>` and `annotations.<key>`. */
export interface Image {
  name: string;
  labels: Labels;
  target: Descriptor;
  createdAt: Timestamp;
  updatedAt: Timestamp;
}

export interface ImageInput extends Pick<Image, "name" | "target"> {
  labels?: Labels | undefined;
  /** What its times become in place of now: for builds that are to come out the same. */
  sourceDateEpoch?: Timestamp | undefined;
}

export interface ImageDeleteOptions {
  /** Waits until what only this image referred to has been collected. */
  sync?: boolean | undefined;
  /** Deletes only while the image points there; NotFound otherwise. One without a digest says nothing. */
  target?: Pick<Descriptor, "digest"> | undefined;
}

export interface ImageStore {
  /** NotFound. */
  get(name: string): Promise<Image>;
  list(filters?: Filters): Promise<Image[]>;
  /** What `list` answers, in parts, between which others have their turn. */
  pages(filters?: Filters): AsyncIterable<readonly Image[]>;
  /** AlreadyExists, InvalidArgument. */
  create(image: ImageInput): Promise<Image>;
  /** Mutable: `labels`, `target`, `annotations` (of the target). NotFound. */
  update(image: ImageInput, fieldPaths?: FieldPaths): Promise<Image>;
  /** NotFound. */
  delete(name: string, options?: ImageDeleteOptions): Promise<void>;
}
