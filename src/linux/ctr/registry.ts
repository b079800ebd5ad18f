// Where to pull from and push to, with what the flags say of the registry.
import { cut, type FlagValues } from "../../common/cli/flags.ts";
import { HTTPDebug, OCIRegistry } from "../../common/gen/containerd/transfer/registry.ts";
import { packAny } from "../../common/protobuf/any.ts";
import { readSecret } from "../cli/stream/ask.ts";
import { type Ctr, usage } from "./ctr.ts";
import type { REGISTRY } from "./flags.ts";
import { credentialStream } from "./transfer.ts";

type RegistryFlags = FlagValues<typeof REGISTRY>;

export async function registryOf(ctr: Ctr, reference: string, flags: RegistryFlags) {
  for (const name of ["skip-verify", "tlscacert", "tlscert", "tlskey"] as const) {
    if (flags[name]) throw usage(`--${name}: say it in a hosts.toml, and name its folder with --hosts-dir`);
  }
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
      hostDir: flags["hosts-dir"],
      defaultScheme: flags["plain-http"] ? "http" : "",
      httpDebug: debug,
    },
  });
}
