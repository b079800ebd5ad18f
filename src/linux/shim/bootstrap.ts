// What `start` finds on stdin: nothing, the runtime's options (containerd up to 2.3), or bootstrap parameters with them inside.
import { BootstrapParams } from "../../common/gen/containerd/shim/bootstrap.ts";
import { Any } from "../../common/gen/google/protobuf/any.ts";
import { decode, unknownFields } from "../../common/protobuf/codec.ts";

export interface Bootstrap {
  options: Any | undefined;
  /** Where the shim's socket goes. */
  socketDir: string | undefined;
}

export function readBootstrap(stdin: Uint8Array): Bootstrap {
  if (stdin.length === 0) return { options: undefined, socketDir: undefined };
  // both forms begin with two texts; only the parameters have more
  const any = decode(Any, stdin);
  if (!(unknownFields in any)) return { options: any, socketDir: undefined };
  const { extensions, socketDir } = decode(BootstrapParams, stdin);
  return { options: extensions[0]?.value, socketDir };
}

/** The newest task API spoken. */
const NEWEST = 3;

/** What `start` answers. A daemon that can read it (`MAX_SHIM_VERSION`) gets the version as well; one from before that gets the bare address. */
export function bootstrapAnswer(address: string, environ: ReadonlyMap<string, string>): string {
  const wanted = Number(environ.get("MAX_SHIM_VERSION") ?? "");
  if (!(wanted >= 2)) return address;
  return JSON.stringify({ version: Math.min(wanted, NEWEST), address, protocol: "ttrpc" });
}
