// containerd-shim-runt-v2: what containerd calls to have a container held (containerd, core/runtime/v2/README.md).
import "../sys/builtins.ts";
import { WharfError } from "../../common/errors.ts";
import { VERSION } from "../../common/version.ts";
import { readAll } from "../sys/fs.ts";
import { complain, stdout } from "../sys/out.ts";
import { environment } from "../sys/process.ts";
import { bootstrapAnswer } from "./bootstrap.ts";
import { deleteShim } from "./cleanup.ts";
import { type Flags, parseFlags, SHIM } from "./flags.ts";
import { runtimeInfo } from "./info.ts";
import { Embryo, startShim } from "./start.ts";

function workingFolder(): string {
  const buffer = new Uint8Array(4096);
  const n = native.syscall(79, buffer, buffer.length);
  return native.utf8(buffer, 0, n - 1);
}

function start(flags: Flags, embryo: Embryo): void {
  const { namespace, id, address, debug } = flags;
  const environ = environment();
  const ttrpcAddress = environ.get("TTRPC_ADDRESS") ?? "";
  const traces = environ.get("WHARF_TRACE_DIR");
  const bundle = flags.bundle || workingFolder();
  const stdin = readAll(0);
  const options = { namespace, id, bundle, address, ttrpcAddress, debug, traces, stdin };
  stdout(bootstrapAnswer(startShim(options, embryo), environ));
}

function run(args: string[], embryo: Embryo | undefined): number {
  const flags = parseFlags(args.slice(1));
  const { version, info, action, namespace, id } = flags;
  if (version) {
    stdout(`${args[0]}:\n  Version:  ${VERSION}\n`);
    return 0;
  }
  if (info) {
    stdout(runtimeInfo(readAll(0)));
    return 0;
  }
  if (namespace === "") throw new WharfError("InvalidArgument", "shim namespace cannot be empty");
  if (id === "") throw new WharfError("InvalidArgument", "shim id cannot be empty");
  if (action === "start") start(flags, embryo!);
  else if (action === "delete") stdout(deleteShim(id, flags.bundle || workingFolder()));
  else throw new WharfError("InvalidArgument", `unknown action ${JSON.stringify(action)}`, { hint: "start or delete" });
  return 0;
}

export function main(args: string[]): number {
  // before anything else: what is done in this process must not be in the shim's memory
  const embryo = args.at(-1) === "start" ? new Embryo() : undefined;
  try {
    return run(args, embryo);
  } catch (error) {
    embryo?.drop();
    complain(SHIM, error);
    return 1;
  }
}
