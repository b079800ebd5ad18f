/** What may be said of registries: the shape of containerd's hosts.toml, plus Docker's short forms (mirrors, insecure registries). */

export type Capability = "pull" | "resolve" | "push";

/** One `[host."https://…"]` table of hosts.toml. File names are absolute. */
export interface HostSettings {
  /** What the host is asked for; all by default, or when none is named. A mirror that may serve stale tags has no "resolve". */
  capabilities?: Capability[];
  /** PEM files with further certificate authorities. */
  ca?: string | string[];
  /** PEM files with client certificate and key: one file with both, several such, or pairs. */
  client?: string | (string | [certificate: string, key: string])[];
  skip_verify?: boolean;
  /** Headers to add to each request. */
  header?: Record<string, string | string[]>;
  /** The URL's path is complete: no `/v2` is added. */
  override_path?: boolean;
  /** Go duration, `10s`. */
  dial_timeout?: string;
}

/** A whole hosts.toml: settings at the top are the server's own. */
export interface RegistrySettings extends HostSettings {
  /** The registry itself, when it is not at `https://<name>`. Empty string: there is none, only the hosts. */
  server?: string;
  /** By URL, in the order they are tried. */
  host?: Record<string, HostSettings>;
}

export interface RegistryConfig {
  /** By the registry's name as it stands in references; `_default` serves those without an entry. */
  registries?: Record<string, RegistrySettings>;
  /** Folders with one for each registry in it, that holds its hosts.toml: before all that stands here. */
  directories?: string[];
  /** Mirror URLs by registry name, tried in order before the registry: the short form. */
  mirrors?: Record<string, string[]>;
  /** Hosts (`host`, `host:port`), addresses or networks (CIDR) that may be spoken to without TLS or with any certificate. */
  insecure?: string[];
}
