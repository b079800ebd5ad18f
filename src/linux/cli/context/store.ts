// Docker's contexts: named daemons, kept beside docker's configuration file as docker keeps them, so that both see the same.
import { WharfError } from "../../../common/errors.ts";
import { dirname, join } from "../../../common/path.ts";
import { isErrno } from "../../sys/call.ts";
import { exists, mkdirs, readDir, readFile, readText, rmdir, unlinkIfThere, writeFileAtomic } from "../../sys/fs.ts";
import { sha256 } from "../../sys/hash.ts";
import type { Tls } from "../http/tls.ts";

export const DEFAULT_CONTEXT = "default";
export const TLS_FILES = ["ca.pem", "cert.pem", "key.pem"] as const;
export type TlsFile = (typeof TLS_FILES)[number];

/** meta.json of a context. */
export interface Context {
  Name: string;
  Metadata: { Description?: string; [key: string]: unknown };
  Endpoints: { docker?: { Host: string; SkipTLSVerify: boolean }; [kind: string]: unknown };
}

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.+-]+$/;

export function checkContextName(name: string): void {
  if (name === DEFAULT_CONTEXT) throw new WharfError("InvalidArgument", `"default" is a reserved context name`);
  if (NAME.test(name)) return;
  throw new WharfError("InvalidArgument", `context name ${JSON.stringify(name)} is invalid`, {
    hint: "two characters or more: a letter or digit, then letters, digits, _ . + and -",
  });
}

export class ContextStore {
  readonly #root: string;

  /** `folder` is that of config.json. */
  constructor(folder: string) {
    this.#root = join(folder, "contexts");
  }

  metaFolder(name: string): string {
    return join(this.#root, "meta", sha256(name));
  }

  tlsFolder(name: string): string {
    return join(this.#root, "tls", sha256(name));
  }

  /** NotFound when there is none of this name. */
  get(name: string): Context {
    const path = join(this.metaFolder(name), "meta.json");
    try {
      return parseContext(readText(path), path);
    } catch (error) {
      if (!isErrno(error, "ENOENT", "ENOTDIR")) throw error;
      throw new WharfError("NotFound", `context ${JSON.stringify(name)} does not exist`, {
        hint: "'wharf context ls' lists what there is",
      });
    }
  }

  has(name: string): boolean {
    return exists(join(this.metaFolder(name), "meta.json"));
  }

  /** By name. */
  list(): Context[] {
    const all: Context[] = [];
    try {
      for (const { name } of readDir(join(this.#root, "meta"))) {
        const path = join(this.#root, "meta", name, "meta.json");
        if (exists(path)) all.push(parseContext(readText(path), path));
      }
    } catch (error) {
      if (!isErrno(error, "ENOENT", "ENOTDIR")) throw error;
    }
    return all.sort((a, b) => (a.Name < b.Name ? -1 : 1));
  }

  put(context: Context): void {
    const path = join(this.metaFolder(context.Name), "meta.json");
    mkdirs(dirname(path), 0o755);
    writeFileAtomic(path, JSON.stringify(context), 0o644);
  }

  /** Replaces what the context has of certificates and keys. */
  putTls(name: string, files: ReadonlyMap<TlsFile, Uint8Array>): void {
    const folder = join(this.tlsFolder(name), "docker");
    for (const file of TLS_FILES) if (!files.has(file)) unlinkIfThere(join(folder, file));
    if (files.size > 0) mkdirs(folder, 0o700);
    for (const [file, data] of files) writeFileAtomic(join(folder, file), data, 0o600);
  }

  tls(name: string): Map<TlsFile, Uint8Array> {
    const files = new Map<TlsFile, Uint8Array>();
    for (const file of TLS_FILES) {
      const path = join(this.tlsFolder(name), "docker", file);
      if (exists(path)) files.set(file, readFile(path));
    }
    return files;
  }

  remove(name: string): void {
    this.get(name);
    unlinkIfThere(join(this.metaFolder(name), "meta.json"));
    rmdir(this.metaFolder(name));
    this.putTls(name, new Map());
    for (const folder of [join(this.tlsFolder(name), "docker"), this.tlsFolder(name)])
      if (exists(folder)) rmdir(folder);
  }

  /** How to reach the context's daemon. */
  endpoint(name: string): { host: string; tls: Tls | undefined } {
    const { docker } = this.get(name).Endpoints;
    if (!docker?.Host) {
      throw new WharfError("FailedPrecondition", `context ${JSON.stringify(name)} has no docker endpoint`, {
        hint: `'wharf context update ${name} --docker host=…' gives it one`,
      });
    }
    const folder = join(this.tlsFolder(name), "docker");
    const path = (file: TlsFile) => (exists(join(folder, file)) ? join(folder, file) : undefined);
    const files = { ca: path("ca.pem"), cert: path("cert.pem"), key: path("key.pem") };
    const secured = docker.SkipTLSVerify || Object.values(files).some((file) => file !== undefined);
    return { host: docker.Host, tls: secured ? { ...files, verify: !docker.SkipTLSVerify } : undefined };
  }
}

export function parseContext(text: string, subject: string): Context {
  try {
    const value = JSON.parse(text) as Partial<Context>;
    if (typeof value.Name !== "string") throw new Error("it has no name");
    return { Name: value.Name, Metadata: value.Metadata ?? {}, Endpoints: value.Endpoints ?? {} };
  } catch (cause) {
    throw new WharfError("DataLoss", `${subject} is no context`, { cause });
  }
}
