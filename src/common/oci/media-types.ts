/** Media types of images: OCI's, Docker's schema 2, and what a layer's type says about how it is packed. */

export const OCI = {
  index: "application/vnd.oci.image.index.v1+json",
  manifest: "application/vnd.oci.image.manifest.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
  layer: "application/vnd.oci.image.layer.v1.tar",
  layerGzip: "application/vnd.oci.image.layer.v1.tar+gzip",
  layerZstd: "application/vnd.oci.image.layer.v1.tar+zstd",
  empty: "application/vnd.oci.empty.v1+json",
} as const;

export const DOCKER = {
  index: "application/vnd.docker.distribution.manifest.list.v2+json",
  manifest: "application/vnd.docker.distribution.manifest.v2+json",
  config: "application/vnd.docker.container.image.v1+json",
  layer: "application/vnd.docker.image.rootfs.diff.tar",
  layerGzip: "application/vnd.docker.image.rootfs.diff.tar.gzip",
  layerZstd: "application/vnd.docker.image.rootfs.diff.tar.zstd",
  foreignGzip: "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
} as const;

/** What a manifest request accepts; schema 1 is left out on purpose. */
export const MANIFEST_TYPES: readonly string[] = [OCI.index, OCI.manifest, DOCKER.index, DOCKER.manifest];

export function isIndexType(mediaType: string): boolean {
  return mediaType === OCI.index || mediaType === DOCKER.index;
}

export function isManifestType(mediaType: string): boolean {
  return mediaType === OCI.manifest || mediaType === DOCKER.manifest;
}

/** Image configs, as opposed to artifacts' own types. */
export function isConfigType(mediaType: string): boolean {
  return mediaType === OCI.config || mediaType === DOCKER.config;
}

/** Docker's first format, which registries still serve for very old images. `application/json` is what some give it. */
export function isSchema1Type(mediaType: string): boolean {
  return /^application\/vnd\.docker\.distribution\.manifest\.v1\+(?:json|prettyjws)$/.test(mediaType);
}

export type Compression = "none" | "gzip" | "zstd";

const LAYER =
  /^application\/vnd\.(?:oci\.image\.layer(?:\.nondistributable)?\.v1|docker\.image\.rootfs(?:\.foreign)?\.diff)\.tar(?:[+.](gzip|zstd))?$/;

/** How a layer's tar is packed; undefined when the type names no file-system layer (artifacts, encrypted layers). */
export function layerCompression(mediaType: string): Compression | undefined {
  const match = LAYER.exec(mediaType);
  return match ? ((match[1] ?? "none") as Compression) : undefined;
}

export function isLayerType(mediaType: string): boolean {
  return LAYER.test(mediaType);
}

/** Layers which lie elsewhere (their descriptor's `urls`) and are not pushed to registries. */
export function isForeignLayer(mediaType: string): boolean {
  return isLayerType(mediaType) && /\.nondistributable\.|\.foreign\./.test(mediaType);
}

/** The media type of a Content-Type header: without parameters, in lower case. */
export function bareMediaType(header: string): string {
  return header.split(";", 1)[0]!.trim().toLowerCase();
}
