/**
 * The certificate authorities that this machine trusts, found where Go's programs (dockerd, containerd) find them on Linux (Go, crypto/x509 root_linux.go), so
 * that one that was installed with update-ca-certificates counts, and one that was taken away does not.
 */

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { nextTurn } from "../turn.ts";
import type { TlsSettings } from "./config.ts";

/** Debian, Fedora and RHEL 6, openSUSE, OpenELEC, CentOS and RHEL 7, Alpine: the first that can be read counts. */
const FILES = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/pki/tls/cacert.pem",
  "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
  "/etc/ssl/cert.pem",
];
const FOLDERS = ["/etc/ssl/certs", "/etc/pki/tls/certs"];
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

const textOf = (path: string): Promise<string> => readFile(path, "latin1").catch(() => "");

/**
 * In PEM, each once: of the file (SSL_CERT_FILE instead of the usual ones), and of all files in the folders that SSL_CERT_DIR names. Without that the
 * usual folders are looked into only where there is no file, which elsewhere holds the same. What cannot be read counts as not there.
 */
async function systemAuthorities(env: NodeJS.ProcessEnv = process.env): Promise<string[]> {
  const { SSL_CERT_FILE: file, SSL_CERT_DIR: folders } = env;
  const found = new Set<string>();
  const add = (text: string) => {
    const all = text.match(CERTIFICATE) ?? [];
    for (const one of all) found.add(one);
    return all.length > 0;
  };
  for (const path of file ? [file] : FILES) if (add(await textOf(path))) break;
  if (!folders && found.size > 0) return [...found];
  for (const folder of folders ? folders.split(":") : FOLDERS)
    for (const name of await readdir(folder).catch(() => [])) add(await textOf(join(folder, name)));
  return [...found];
}

/** Makes them what certificates are checked with from now on; Node's own list stays where the machine has none. One that is none is left out. */
export async function trustSystem(env?: NodeJS.ProcessEnv): Promise<void> {
  const tls = process.getBuiltinModule("node:tls");
  const found = await systemAuthorities(env);
  await nextTurn();
  if (found.length === 0) return;
  try {
    tls.setDefaultCACertificates(found);
  } catch {
    const { X509Certificate } = process.getBuiltinModule("node:crypto");
    const good = found.filter((one) => {
      try {
        return new X509Certificate(one);
      } catch {
        // as Go does: the others are good all the same
        return false;
      }
    });
    if (good.length > 0) tls.setDefaultCACertificates(good);
  }
}

type Context = import("node:tls").SecureContext;

const contexts = new WeakMap<TlsSettings, Context>();

/** What a connection is opened with. A host's own authorities come beside the machine's; reading all of them takes long, and is done once. */
export function connectionTls(settings: TlsSettings): { secureContext?: Context; rejectUnauthorized?: boolean } {
  const { ca, cert, key, rejectUnauthorized } = settings;
  const verify = rejectUnauthorized === undefined ? {} : { rejectUnauthorized };
  if (!ca && !cert) return verify;
  let secureContext = contexts.get(settings);
  if (!secureContext) {
    const tls = process.getBuiltinModule("node:tls");
    secureContext = tls.createSecureContext({
      ...(ca ? { ca: [...tls.getCACertificates("default"), ...ca] } : {}),
      ...(cert && key ? { cert, key } : {}),
    });
    contexts.set(settings, secureContext);
  }
  return { secureContext, ...verify };
}
