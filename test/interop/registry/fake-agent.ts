/** An agent for tests that need no root and no confinement: unpacks with Debian's tar, removes with Node. */

import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, rm } from "node:fs/promises";
import { Readable } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { WharfError } from "../../../src/common/errors.ts";
import { layerCompression } from "../../../src/common/oci/media-types.ts";
import type { AgentClient, GrowingBlob, Unpacked, UnpackRequest } from "../../../src/daemon/containerd/agent.ts";

async function unpack(request: UnpackRequest): Promise<Unpacked> {
  const mount = request.mounts.at(-1)!;
  const upper = mount.options.find((option) => option.startsWith("upperdir="))?.slice("upperdir=".length);
  const compression = layerCompression(request.mediaType);
  const { source } = request;
  const packed =
    typeof source === "string" ? createReadStream(source) : Readable.from("grown" in source ? follow(source) : source);
  const inflate = compression === "gzip" ? createGunzip() : compression === "zstd" ? createZstdDecompress() : undefined;
  const tar = spawn("tar", ["-x", "-C", upper ?? mount.source], { stdio: ["pipe", "ignore", "pipe"] });
  const exited = new Promise<number | null>((resolve) => tar.once("exit", resolve));
  tar.stdin.on("error", () => {});
  const hash = createHash("sha256");
  let size = 0;
  try {
    if (inflate) packed.on("error", (error) => inflate.destroy(error)).pipe(inflate);
    for await (const chunk of inflate ?? packed) {
      request.signal?.throwIfAborted();
      hash.update(chunk as Buffer);
      size += (chunk as Buffer).length;
      if (!tar.stdin.write(chunk))
        await new Promise((resolve) => tar.stdin.once("drain", resolve).once("close", resolve));
    }
    tar.stdin.end();
    const code = await exited;
    if (code !== 0) throw new WharfError("DataLoss", `tar ended with ${code}`);
  } catch (cause) {
    tar.kill("SIGKILL");
    await exited;
    throw cause instanceof WharfError
      ? cause
      : new WharfError("DataLoss", "the layer cannot be unpacked", { operation: "unpack layer", cause });
  } finally {
    packed.destroy();
  }
  return { diffId: `sha256:${hash.digest("hex")}`, size, usage: { size, inodes: 1 } };
}

async function* follow({ path, grown }: GrowingBlob): AsyncGenerator<Buffer> {
  await using file = await open(path);
  let offset = 0;
  for await (const size of grown) {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(size - offset), 0, size - offset, offset);
    if (bytesRead !== size - offset)
      throw new WharfError("DataLoss", `told of ${size} bytes, there are ${offset + bytesRead}`);
    offset = size;
    yield buffer;
  }
}

const never = (): Promise<never> => Promise.reject(new WharfError("Unimplemented", "the test's agent cannot do this"));

export const fakeAgent: AgentClient = {
  unpack,
  diff: never,
  idmaps: async () => false,
  mount: never,
  unmount: async () => {},
  remove: async (paths) => {
    for (const path of paths) await rm(path, { recursive: true, force: true });
  },
  usage: async () => ({ size: 0, inodes: 0 }),
  inherit: async () => {},
  copy: never,
  spawnShim: never,
  pinUserNamespace: never,
  makeFifo: never,
  readFile: never,
};
