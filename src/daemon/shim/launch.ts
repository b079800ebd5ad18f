/**
 * A shim's command line (containerd, docs/runtime-v2): `start` leaves a shim behind and says where it listens, `delete`
 * cleans up after one that died. Both are run by the agent.
 */

import { accessSync, constants } from "node:fs";
import { delimiter, isAbsolute, join } from "node:path";
import { WharfError } from "../../common/errors.ts";
import { DeleteResponse } from "../../common/gen/containerd/task/v2.ts";
import { Any } from "../../common/gen/google/protobuf/any.ts";
import { decode, encode } from "../../common/protobuf/codec.ts";
import type { AgentClient, SpawnShimResult } from "../containerd/agent.ts";

/** What every command is told. */
export interface ShimCommand {
  agent: AgentClient;
  /** Absolute path of the shim. */
  binary: string;
  namespace: string;
  id: string;
  bundle: string;
  /** containerd's sockets: gRPC, and ttrpc for events. */
  address: string;
  ttrpcAddress: string;
  traceparent?: string | undefined;
  /** The shim is to tell more. */
  debug?: boolean | undefined;
  /** The container is in no group for certain. */
  alone?: boolean | undefined;
  signal?: AbortSignal | undefined;
}

/** Where a shim listens, and which version of the task API it speaks. */
export interface ShimAddress {
  address: string;
  version: number;
}

/** The newest task API known here. */
const NEWEST = 3;

/**
 * The shim of a runtime: `io.containerd.runc.v2` is `containerd-shim-runc-v2`, looked for in `directories` and then PATH; an
 * absolute path is itself. NotFound, InvalidArgument.
 */
export function resolveShim(runtime: string, directories: readonly string[]): string {
  if (isAbsolute(runtime)) {
    if (isExecutable(runtime)) return runtime;
    throw notFound(runtime, `invalid custom binary path: no program at ${JSON.stringify(runtime)}`, []);
  }
  const parts = runtime.split(".");
  const [name, version] = parts.slice(-2);
  if (parts.length < 2 || parts.some((part) => part === "" || part.includes("/"))) {
    throw new WharfError("InvalidArgument", `invalid runtime name ${JSON.stringify(runtime)}`, {
      subject: runtime,
      hint: "it looks like io.containerd.runt.v2, or is the absolute path of a shim",
    });
  }
  const binary = `containerd-shim-${name}-${version}`;
  const places = [...directories, ...(process.env.PATH ?? "").split(delimiter).filter(isAbsolute)];
  const found = places.map((place) => join(place, binary)).find(isExecutable);
  if (!found) {
    const missing = `runtime ${JSON.stringify(runtime)} binary not installed ${JSON.stringify(binary)}`;
    throw notFound(runtime, `${missing}: file does not exist`, places);
  }
  return found;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function notFound(runtime: string, message: string, places: readonly string[]): WharfError {
  const hint = places.length > 0 ? `install it in one of ${places.join(", ")}` : undefined;
  return new WharfError("NotFound", message, { operation: "find shim", subject: runtime, hint });
}

/** Starts a shim. `options` are those of the runtime. */
export async function startShim(command: ShimCommand, options: Any | undefined): Promise<ShimAddress> {
  const { binary, signal } = command;
  const stdin = options && encode(Any, options);
  const result = await run(command, ["start"], stdin, signal);
  return parseAddress(result.stdout, binary);
}

/** Cleans up what a dead shim has left; answers how the container is taken to have ended. */
export async function deleteShim(command: ShimCommand): Promise<DeleteResponse> {
  const { stdout } = await run(command, ["-bundle", command.bundle, "delete"], undefined, command.signal);
  return decode(DeleteResponse, Buffer.from(stdout, "latin1"));
}

/** What the shim tells of its runtime, as a RuntimeInfo. Unimplemented for one that tells nothing. */
export async function shimInfo(
  agent: AgentClient,
  binary: string,
  cwd: string,
  options: Any | undefined,
): Promise<Uint8Array> {
  const env = [`PATH=${process.env.PATH ?? ""}`, "GOMAXPROCS=2"];
  const stdin = options && encode(Any, options);
  const { stdout, stderr, exitCode } = await agent.spawnShim({ binary, args: ["-info"], env, cwd, stdin });
  if (exitCode === 0) return Buffer.from(stdout, "latin1");
  const said = stderr.trim().split("\n").slice(-3).join("; ");
  throw new WharfError("Unimplemented", `the shim ${JSON.stringify(binary)} tells nothing of its runtime: ${said}`, {
    operation: "ask shim",
    subject: binary,
  });
}

async function run(
  command: ShimCommand,
  tail: readonly string[],
  stdin: Uint8Array | undefined,
  signal: AbortSignal | undefined,
): Promise<SpawnShimResult> {
  const { agent, binary, namespace, id, bundle, address, ttrpcAddress, traceparent } = command;
  const env = [
    `PATH=${process.env.PATH ?? "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}`,
    "GOMAXPROCS=2",
    `MAX_SHIM_VERSION=${NEWEST}`,
    `TTRPC_ADDRESS=${ttrpcAddress}`,
    `GRPC_ADDRESS=${address}`,
    `NAMESPACE=${namespace}`,
  ];
  if (traceparent) env.push(`TRACEPARENT=${traceparent}`);
  const debug = command.debug ? ["-debug"] : [];
  const args = [
    "-namespace",
    namespace,
    "-address",
    address,
    "-publish-binary",
    "wharfd",
    "-id",
    id,
    ...debug,
    ...tail,
  ];
  const result = await agent.spawnShim({ binary, args, env, cwd: bundle, stdin, alone: command.alone, signal });
  if (result.exitCode !== 0) {
    const said = (result.stderr || result.stdout).trim().split("\n").slice(-3).join("; ");
    throw new WharfError(
      "Unavailable",
      `shim ${tail.at(-1)} failed with status ${result.exitCode}: ${said || "it said nothing"}`,
      {
        operation: `${tail.at(-1)} shim`,
        subject: binary,
      },
    );
  }
  return result;
}

/** Version 3 answers JSON, older ones the address alone. */
function parseAddress(output: string, binary: string): ShimAddress {
  const text = output.trim();
  const fault = (why: string) =>
    new WharfError("Internal", `shim ${JSON.stringify(binary)} ${why}`, { operation: "start shim", subject: binary });
  if (text === "") throw fault("did not say where it listens");
  if (!text.startsWith("{")) return { address: text, version: 2 };
  let params: { version?: unknown; address?: unknown; protocol?: unknown };
  try {
    params = JSON.parse(text) as typeof params;
  } catch (cause) {
    throw new WharfError("Internal", `shim ${JSON.stringify(binary)} gave a bad answer`, { subject: text, cause });
  }
  const { version, address, protocol } = params;
  if (typeof address !== "string" || typeof version !== "number")
    throw fault("gave an answer without address or version");
  if (version < 2 || version > NEWEST)
    throw fault(`speaks version ${version} of the shim API, known here are 2 and ${NEWEST}`);
  if (protocol !== undefined && protocol !== "ttrpc") throw fault(`speaks ${String(protocol)}, known here is ttrpc`);
  return { address, version };
}
