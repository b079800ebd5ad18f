// A server of the Node gRPC library, for comparison: @grpc/grpc-js, which no part of Wharf uses, fetched at the benchmark's first run. Serves
// containerd's Version.Version with messages as bytes, so that what is measured is the library alone.
//   node bench/grpc-library.ts SOCKET
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { BUILD } from "../tools/lib/native.ts";

const FOLDER = join(BUILD, "bench/grpc");
const VERSION = "1.13.4";

/** Needs the network: called before the benchmarks enter their own, without one. */
export function fetchLibrary(): void {
  if (existsSync(join(FOLDER, "node_modules/@grpc/grpc-js"))) return;
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(join(FOLDER, "package.json"), '{"private":true}\n');
  const options = ["--no-audit", "--no-fund", "--silent", "--prefix", FOLDER];
  execFileSync("npm", ["install", ...options, `@grpc/grpc-js@${VERSION}`], { stdio: ["ignore", 2, 2] });
}

interface Library {
  Server: new () => {
    addService(definition: object, handlers: object): void;
    bindAsync(address: string, credentials: unknown, done: (error: Error | null) => void): void;
  };
  ServerCredentials: { createInsecure(): unknown };
}

function serve(socket: string): void {
  const { Server, ServerCredentials } = createRequire(join(FOLDER, "index.js"))("@grpc/grpc-js") as Library;
  const same = (bytes: Buffer) => bytes;
  const method = { requestStream: false, responseStream: false, requestSerialize: same, requestDeserialize: same };
  const path = "/containerd.services.version.v1.Version/Version";
  const server = new Server();
  server.addService(
    { version: { path, ...method, responseSerialize: same, responseDeserialize: same } },
    // VersionResponse{version: "v2.1.9", revision: ""}
    { version: (_: unknown, done: (error: null, answer: Buffer) => void) => done(null, Buffer.from("\n\x06v2.1.9")) },
  );
  server.bindAsync(`unix:${socket}`, ServerCredentials.createInsecure(), (error) => {
    if (error) throw error;
  });
}

if (import.meta.main) serve(process.argv[2]!);
