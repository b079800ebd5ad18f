// Where to pull from and push to, with what the flags say of the registry.
import { cut, type FlagValues } from "../../common/cli/flags.ts";
import { HTTPDebug, OCIRegistry } from "../../common/gen/containerd/transfer/registry.ts";
import { dirname, join } from "../../common/path.ts";
import { packAny } from "../../common/protobuf/any.ts";
import { parseReference } from "../../common/reference.ts";
import { readSecret } from "../cli/stream/ask.ts";
import { absolute, mkdirs, rmdir, unlinkIfThere, writeFile } from "../sys/fs.ts";
import { randomBytes } from "../sys/time.ts";
import { type Ctr, hex, usage } from "./ctr.ts";
import type { REGISTRY } from "./flags.ts";
import { credentialStream } from "./transfer.ts";

type RegistryFlags = FlagValues<typeof REGISTRY>;

export async function registryOf(ctr: Ctr, reference: string, flags: RegistryFlags) {
  const own = flags["skip-verify"] || flags.tlscacert || flags.tlscert || flags.tlskey;
  if (own && flags["hosts-dir"]) throw usage("--hosts-dir goes without the flags for TLS: a hosts.toml says that too");
  const hostDir = own ? hostsFolder(ctr, reference, flags) : flags["hosts-dir"];
  let authStream = "";
  if (flags.user || flags.refresh) {
    const [name, password] = cut(flags.user, ":");
    const secret = flags.refresh || (password ?? readSecret(ctr, "Password: "));
    authStream = await credentialStream(ctr, flags.refresh ? "" : name, secret);
  }
  const debug = (flags["http-dump"] ? HTTPDebug.DEBUG : 0) | (flags["http-trace"] ? HTTPDebug.TRACE : 0);
  return packAny(OCIRegistry, {
    reference,
    resolver: {
      authStream,
      hostDir,
      defaultScheme: flags["plain-http"] ? "http" : "",
      httpDebug: debug,
    },
  });
}

/** What the flags say of TLS, as a hosts.toml that the daemon reads; it is gone when the command has ended. */
function hostsFolder(ctr: Ctr, reference: string, flags: RegistryFlags): string {
  if ((flags.tlscert === "") !== (flags.tlskey === "")) throw usage("--tlscert and --tlskey go together");
  const folder = `/tmp/ctr-hosts-${hex(randomBytes(8))}`;
  const host = parseReference(reference).domain;
  const file = join(folder, host, "hosts.toml");
  const lines = [`server = "https://${host}"`];
  if (flags["skip-verify"]) lines.push("skip_verify = true");
  if (flags.tlscacert) lines.push(`ca = ${JSON.stringify([absolute(flags.tlscacert)])}`);
  if (flags.tlscert) lines.push(`client = ${JSON.stringify([[absolute(flags.tlscert), absolute(flags.tlskey)]])}`);
  mkdirs(dirname(file), 0o700);
  writeFile(file, lines.map((line) => `${line}\n`).join(""), 0o600);
  ctr.atEnd(() => {
    unlinkIfThere(file);
    rmdir(dirname(file));
    rmdir(folder);
  });
  return folder;
}
