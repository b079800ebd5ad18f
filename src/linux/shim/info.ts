// `-info`: what containerd may know of a runtime before it uses it: its version and the OCI features.
import { Options } from "../../common/gen/containerd/runc/options.ts";
import { RuntimeInfo } from "../../common/gen/containerd/types/introspection.ts";
import { Any } from "../../common/gen/google/protobuf/any.ts";
import { isAny, unpackAny } from "../../common/protobuf/any.ts";
import { decode, encode } from "../../common/protobuf/codec.ts";
import { VERSION } from "../../common/version.ts";
import { features } from "../runt/verbs/features.ts";
import { close, dup3, pipe, readAll } from "../sys/fs.ts";
import { environment, exec, exit, fork, wait } from "../sys/process.ts";
import { lookPath } from "./cli-runtime.ts";
import { isOwn } from "./runtimes.ts";

const NAME = "io.containerd.runt.v2";
const FEATURES = "types.containerd.io/opencontainers/runtime-spec/1/features/Features";

/** What `BINARY features` prints; undefined when it has no such command. */
function featuresOf(binary: string): Uint8Array | undefined {
  const path = lookPath(binary);
  const [reader, writer] = pipe();
  const pid = fork();
  if (pid === 0) {
    try {
      dup3(writer, 1);
      exec(
        path,
        [binary, "features"],
        [...environment()].map(([name, value]) => `${name}=${value}`),
      );
    } catch {
      // told by the status
    }
    exit(127);
  }
  close(writer);
  const text = readAll(reader);
  close(reader);
  return wait(pid)?.status === 0 ? text : undefined;
}

/** `stdin`: the runtime's options, if any. Answers a RuntimeInfo. */
export function runtimeInfo(stdin: Uint8Array): Uint8Array {
  const any = stdin.length > 0 ? decode(Any, stdin) : undefined;
  const binary = any && isAny(any, Options) ? unpackAny(Options, any).binaryName : "";
  const value = isOwn(binary) ? native.bytes(JSON.stringify(features())) : featuresOf(binary);
  return encode(RuntimeInfo, {
    name: NAME,
    version: { version: VERSION },
    options: any,
    features: value && { typeUrl: FEATURES, value },
  });
}
