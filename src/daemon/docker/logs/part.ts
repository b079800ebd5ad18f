/** One file of a log, plain or packed, open: what it holds can be read whatever becomes of its name. */

import type { BigIntStats } from "node:fs";
import { type FileHandle, open, unlink } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { WharfError } from "../../../common/errors.ts";
import { fromFile } from "../../../common/file-error.ts";

/** Of gzip's header: magic, deflate, and that there is an extra field. */
const MAGIC = Buffer.from([0x1f, 0x8b, 8]);
const FEXTRA = 4;
const HEADER = 12;
const LONGEST_LABEL = 256;
const CHUNK = 256 << 10;

let count = 0;

export class LogPart {
  /** Tells the file that the shim wrote from all others, also when it has been packed since: its inode and when that was made. */
  readonly id: string;
  readonly #name: string;
  readonly #file: FileHandle;
  readonly #packed: boolean;
  #data: Promise<FileHandle> | undefined;

  private constructor(name: string, file: FileHandle, packed: boolean, id: string) {
    this.#name = name;
    this.#file = file;
    this.#packed = packed;
    this.id = id;
  }

  /** Undefined where there is no such file. A name that ends with `.gz` is a packed one. */
  static async open(name: string): Promise<LogPart | undefined> {
    let file: FileHandle;
    try {
      file = await open(name, "r");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw fromFile(error, "read log", name);
    }
    try {
      const packed = name.endsWith(".gz");
      const id = (packed ? await labelOf(file) : undefined) ?? idOf(await file.stat({ bigint: true }));
      return new LogPart(name, file, packed, id);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** The lines. A packed file is unpacked at the first call, into a file without a name. DataLoss when it is broken. */
  data(): Promise<FileHandle> {
    this.#data ??= this.#packed ? this.#unpack() : Promise.resolve(this.#file);
    return this.#data;
  }

  async #unpack(): Promise<FileHandle> {
    const name = `${this.#name}.${process.pid}-${count++}.tmp`;
    const data = await open(name, "wx+", 0o600).catch((error: unknown) => {
      throw fromFile(error, "unpack log", name);
    });
    try {
      await unlink(name);
      // Not imported: most daemons never need it, and it is a megabyte.
      const { createGunzip } = process.getBuiltinModule("node:zlib");
      await pipeline(contentOf(this.#file), createGunzip(), async (pieces: AsyncIterable<Uint8Array>) => {
        let at = 0;
        for await (const piece of pieces) at += await writeAll(data, piece, at);
      });
      return data;
    } catch (cause) {
      await data.close();
      throw new WharfError("DataLoss", "the packed log cannot be read", {
        operation: "read log",
        subject: this.#name,
        cause,
      });
    }
  }

  async close(): Promise<void> {
    const data = this.#packed ? await this.#data?.catch(() => undefined) : undefined;
    await Promise.all([this.#file.close(), data?.close()]);
  }
}

export function idOf({ ino, birthtimeNs }: Pick<BigIntStats, "ino" | "birthtimeNs">): string {
  return `${ino}:${birthtimeNs}`;
}

async function* contentOf(file: FileHandle): AsyncGenerator<Uint8Array> {
  for (let at = 0; ; ) {
    const buffer = Buffer.allocUnsafe(CHUNK);
    const { bytesRead } = await file.read(buffer, 0, CHUNK, at);
    if (bytesRead === 0) return;
    at += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

async function writeAll(file: FileHandle, bytes: Uint8Array, position: number): Promise<number> {
  for (let done = 0; done < bytes.length; )
    done += (await file.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
  return bytes.length;
}

/** What the shim's packer noted at the head of the file. */
async function labelOf(file: FileHandle): Promise<string | undefined> {
  const head = Buffer.alloc(HEADER + LONGEST_LABEL);
  const { bytesRead } = await file.read(head, 0, head.length, 0);
  if (bytesRead < HEADER || !head.subarray(0, 3).equals(MAGIC) || (head[3]! & FEXTRA) === 0) return undefined;
  try {
    const text = head.toString("utf8", HEADER, HEADER + head.readUInt16LE(10));
    const { file: id } = JSON.parse(text) as { file?: unknown };
    return typeof id === "string" ? id : undefined;
  } catch {
    return undefined;
  }
}
