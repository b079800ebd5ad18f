/**
 * Image references with Docker's familiar names: `busybox` stands for `docker.io/library/busybox:latest`.
 *
 * Grammar and normal form are those of distribution/reference v3, which docker, containerd and podman share.
 */

import { type Digest, parseDigest } from "./digest.ts";
import { WharfError } from "./errors.ts";

/** A parsed reference. `domain` and `path` are always complete; nothing is defaulted for tag and digest. */
export interface Reference {
  /** Registry host with its port: `docker.io`, `localhost:5000`, `[::1]:5000`. */
  readonly domain: string;
  /** Repository within the registry: `library/busybox`. */
  readonly path: string;
  readonly tag?: string | undefined;
  readonly digest?: Digest | undefined;
}

/** The registry that names without a host mean. */
export const DEFAULT_DOMAIN = "docker.io";
/** The machine that answers for it. */
export const HUB_HOST = "registry-1.docker.io";
/** The folder of docker.io that names without one mean. */
const OFFICIAL_FOLDER = "library/";
const DEFAULT_TAG = "latest";
/** Upper limit of a repository path, set by the distribution project. */
const MAX_PATH = 255;

const LABEL = "(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])";
const DOMAIN = new RegExp(`^(?:${LABEL}(?:\\.${LABEL})*|\\[(?:[a-fA-F0-9:]+)\\])(?::[0-9]+)?$`);
const COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
const IDENTIFIER = /^[0-9a-f]{64}$/;

/**
 * Parses a familiar or a full name.
 * @throws WharfError InvalidArgument which says what is wrong and, where it can, what was meant.
 */
export function parseReference(text: string): Reference {
  const fail = (why: string, hint?: string): never => {
    throw new WharfError("InvalidArgument", `invalid reference ${JSON.stringify(text.slice(0, 300))}: ${why}`, {
      operation: "parse reference",
      subject: text,
      hint,
    });
  };
  if (text === "") fail("it is empty");
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text);
  if (scheme) fail(`it starts with ${scheme[0]}`, `leave the scheme out: ${text.slice(scheme[0].length)}`);
  if (IDENTIFIER.test(text)) fail("64 hex digits are an image id, not a name");

  const at = text.indexOf("@");
  let digest: Digest | undefined;
  if (at >= 0) {
    try {
      digest = parseDigest(text.slice(at + 1));
    } catch (error) {
      fail(error instanceof Error ? error.message : String(error));
    }
  }
  let name = at >= 0 ? text.slice(0, at) : text;
  // A colon after the last slash starts a tag; one before it belongs to the host.
  let tag: string | undefined;
  const colon = name.lastIndexOf(":");
  if (colon > name.lastIndexOf("/") && colon >= 0) {
    tag = name.slice(colon + 1);
    name = name.slice(0, colon);
    if (!TAG.test(tag)) {
      fail(
        tag === "" ? "the tag is empty" : `${JSON.stringify(tag.slice(0, 140))} is no tag`,
        "a tag has 1 to 128 letters, digits, '_', '.' and '-', and starts with none of the last two",
      );
    }
  }
  if (name === "") fail("the repository name is missing");
  const { domain, path } = splitDomain(name);
  if (!DOMAIN.test(domain)) fail(`${JSON.stringify(domain)} is no registry host`);
  if (path === "") fail("the repository name is missing");
  if (path.length > MAX_PATH) fail(`the repository name has ${path.length} characters, ${MAX_PATH} are allowed`);
  for (const component of path.split("/")) {
    if (COMPONENT.test(component)) continue;
    if (COMPONENT.test(component.toLowerCase())) {
      fail("the repository name must be lower case", `did you mean ${text.replace(name, name.toLowerCase())}?`);
    }
    fail(
      component === ""
        ? "a part of the repository name is empty"
        : `${JSON.stringify(component)} is no repository name`,
    );
  }
  return { domain, path, tag, digest };
}

/** As parseReference; undefined instead of an error. */
export function tryParseReference(text: string): Reference | undefined {
  try {
    return parseReference(text);
  } catch {
    return undefined;
  }
}

function splitDomain(name: string): { domain: string; path: string } {
  const slash = name.indexOf("/");
  const first = slash < 0 ? "" : name.slice(0, slash);
  const isHost = first !== "" && (/[.:]/.test(first) || first === "localhost" || first !== first.toLowerCase());
  let domain = isHost ? first : DEFAULT_DOMAIN;
  let path = isHost ? name.slice(slash + 1) : name;
  if (domain === "index.docker.io") domain = DEFAULT_DOMAIN;
  if (domain === DEFAULT_DOMAIN && path !== "" && !path.includes("/")) path = OFFICIAL_FOLDER + path;
  return { domain, path };
}

/** With the tag `latest` when it has neither tag nor digest. */
export function withDefaultTag(reference: Reference): Reference {
  if (reference.tag !== undefined || reference.digest !== undefined) return reference;
  return { ...reference, tag: DEFAULT_TAG };
}

/** Without tag and digest: `docker.io/library/busybox`. */
export function repositoryName(reference: Reference): string {
  return `${reference.domain}/${reference.path}`;
}

/** The full form, which names images in the store: `docker.io/library/busybox:latest`. */
export function formatReference(reference: Reference): string {
  return repositoryName(reference) + suffix(reference);
}

/** The form people type: `busybox:latest`. */
export function familiarReference(reference: Reference): string {
  return familiarName(reference) + suffix(reference);
}

/** The familiar form without tag and digest: `busybox`. */
export function familiarName(reference: Reference): string {
  if (reference.domain !== DEFAULT_DOMAIN) return repositoryName(reference);
  const short = reference.path.startsWith(OFFICIAL_FOLDER)
    ? reference.path.slice(OFFICIAL_FOLDER.length)
    : reference.path;
  // `library/a/b` would read as another repository without its folder.
  return short.includes("/") && short !== reference.path ? reference.path : short;
}

/** The tag or digest a registry is asked for; a digest wins, since it says exactly what is wanted. */
export function referenceObject(reference: Reference): string {
  return reference.digest ?? reference.tag ?? DEFAULT_TAG;
}

function suffix(reference: Reference): string {
  return (
    (reference.tag === undefined ? "" : `:${reference.tag}`) +
    (reference.digest === undefined ? "" : `@${reference.digest}`)
  );
}
