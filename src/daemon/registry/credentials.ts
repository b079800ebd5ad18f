/** Who to be at a registry: given by a caller (X-Registry-Auth) or found in Docker's config.json and its helpers. */

import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { WharfError } from "../../common/errors.ts";
import { DEFAULT_DOMAIN } from "../../common/reference.ts";

export interface Credentials {
  username?: string;
  password?: string;
  /** OAuth2 refresh token, "identity token" in Docker's words. */
  identityToken?: string;
  /** A bearer token, sent as it is. */
  registryToken?: string;
}

/** Finds the credentials for a registry as it stands in references (`docker.io`, `localhost:5000`). */
export type CredentialSource = (domain: string, signal?: AbortSignal) => Promise<Credentials | undefined>;

/** The name under which Docker keeps Docker Hub's credentials. */
const HUB_KEY = "https://index.docker.io/v1/";
/** A credential helper may have to ask the user for a passphrase; milliseconds. */
const HELPER_TIMEOUT = 60_000;
/** Under this user name helpers keep identity tokens. */
const TOKEN_USER = "<token>";

/** Decodes Docker's X-Registry-Auth header: base64url of JSON. Undefined when it holds nothing. Throws InvalidArgument. */
export function decodeRegistryAuth(header: string): Credentials | undefined {
  if (header.trim() === "") return undefined;
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(header, "base64url").toString("utf8"));
  } catch (cause) {
    throw new WharfError("InvalidArgument", "X-Registry-Auth is not base64url of JSON", {
      operation: "read credentials",
      cause,
    });
  }
  if (typeof value !== "object" || value === null) return undefined;
  return credentialsFrom(value as Record<string, unknown>, "X-Registry-Auth");
}

/** `{username, password, auth, identitytoken, registrytoken}` as config.json and X-Registry-Auth have it. */
function credentialsFrom(entry: Record<string, unknown>, subject: string): Credentials | undefined {
  const credentials: Credentials = {};
  const text = (name: string): string | undefined =>
    typeof entry[name] === "string" && entry[name] !== "" ? entry[name] : undefined;
  const packed = text("auth");
  if (packed !== undefined) {
    const plain = Buffer.from(packed, "base64").toString("utf8").replace(/\0+$/, "");
    const colon = plain.indexOf(":");
    if (colon <= 0) {
      throw new WharfError("InvalidArgument", `the "auth" entry of ${subject} is not base64 of user:password`, {
        operation: "read credentials",
        subject,
      });
    }
    credentials.username = plain.slice(0, colon);
    credentials.password = plain.slice(colon + 1);
  }
  const [username, password, identity, bearer] = [
    text("username"),
    text("password"),
    text("identitytoken"),
    text("registrytoken"),
  ];
  if (username !== undefined) credentials.username = username;
  if (password !== undefined) credentials.password = password;
  if (identity !== undefined) credentials.identityToken = identity;
  if (bearer !== undefined) credentials.registryToken = bearer;
  return Object.keys(credentials).length > 0 ? credentials : undefined;
}

interface DockerConfig {
  auths?: Record<string, Record<string, unknown>>;
  credsStore?: string;
  credHelpers?: Record<string, string>;
}

/**
 * Credentials from a config.json of Docker's, read anew each time since `docker login` changes it. A missing file
 * holds none; a broken one is an error.
 * @param path e.g. `/root/.docker/config.json`
 */
export function dockerConfigSource(path: string): CredentialSource {
  return async (domain, signal) => {
    const config = await readConfig(path);
    if (!config) return undefined;
    const keys =
      domain === DEFAULT_DOMAIN ? [HUB_KEY, "index.docker.io", "docker.io", "registry-1.docker.io"] : [domain];
    const helper = keys.map((key) => config.credHelpers?.[key]).find(Boolean) ?? config.credsStore;
    if (helper) {
      const found = await askHelper(helper, keys[0]!, signal);
      if (found) return found;
    }
    for (const key of keys) {
      const entry = config.auths?.[key];
      const found = entry && credentialsFrom(entry, key);
      if (found) return found;
    }
    // Old files have whole URLs as keys.
    for (const [key, entry] of Object.entries(config.auths ?? {})) {
      const bare = key.replace(/^https?:\/\//i, "").replace(/\/.*$/, "");
      if (bare === domain) {
        const found = credentialsFrom(entry, key);
        if (found) return found;
      }
    }
    return undefined;
  };
}

async function readConfig(path: string): Promise<DockerConfig | undefined> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new WharfError("PermissionDenied", `cannot read ${path}`, {
      operation: "read credentials",
      subject: path,
      cause,
    });
  }
  try {
    const value = JSON.parse(text) as unknown;
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as DockerConfig;
  } catch {
    // Reported below together with JSON that is no object.
  }
  throw new WharfError("InvalidArgument", `${path} is not a JSON object`, {
    operation: "read credentials",
    subject: path,
    hint: "mend or remove the file, then log in again",
  });
}

/** Asks `docker-credential-<name> get`: the server's address on stdin, JSON on stdout. */
function askHelper(name: string, server: string, signal: AbortSignal | undefined): Promise<Credentials | undefined> {
  const program = `docker-credential-${name}`;
  const fail = (why: string, cause?: unknown): WharfError =>
    new WharfError("Unavailable", `credential helper ${program}: ${why}`, {
      operation: "ask credential helper",
      subject: program,
      hint: `install ${program} or take it out of Docker's config.json`,
      cause,
    });
  if (!/^[\w.-]+$/.test(name)) return Promise.reject(fail("this is no helper's name"));
  return new Promise((resolve, reject) => {
    const child = execFile(
      program,
      ["get"],
      { timeout: HELPER_TIMEOUT, maxBuffer: 1 << 20, signal },
      (error, stdout, stderr) => {
        if (error) {
          if (/credentials not found/i.test(`${stdout}${stderr}`)) return resolve(undefined);
          const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
          return reject(
            fail(missing ? "it is not installed" : (stdout || stderr || error.message).trim().slice(0, 300), error),
          );
        }
        try {
          const { Username, Secret } = JSON.parse(stdout) as { Username?: string; Secret?: string };
          if (typeof Username !== "string" || typeof Secret !== "string")
            throw new Error("Username or Secret is missing");
          resolve(
            Username === TOKEN_USER
              ? { identityToken: Secret }
              : Secret === ""
                ? undefined
                : { username: Username, password: Secret },
          );
        } catch (cause) {
          reject(fail("its answer cannot be read", cause));
        }
      },
    );
    child.stdin?.on("error", () => {});
    child.stdin?.end(server);
  });
}
