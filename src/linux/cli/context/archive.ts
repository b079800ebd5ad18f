// A context as a tar: meta.json and tls/docker/*.pem, as docker exports and imports it.
import { WharfError } from "../../../common/errors.ts";
import { TYPE } from "../../layer/tar/entry.ts";
import { TarReader } from "../../layer/tar/reader.ts";
import { PulledSource } from "../../layer/tar/source.ts";
import { TarWriter } from "../../layer/tar/writer.ts";
import { sys } from "../../sys/call.ts";
import { NR } from "../../sys/nr.ts";
import { PipeOutput } from "../copy/pack.ts";
import { type Context, parseContext, TLS_FILES, type TlsFile } from "./store.ts";

/** A context is small; what is not is none. */
const MOST = 10 << 20;

export interface Exported {
  readonly context: Context;
  readonly tls: ReadonlyMap<TlsFile, Uint8Array>;
}

export function writeArchive(fd: number, { context, tls }: Exported): void {
  const writer = new TarWriter(new PipeOutput(fd));
  const common = { uid: 0, gid: 0, mtime: 0 };
  const file = (name: string, data: Uint8Array, mode: number) => {
    writer.header({ ...common, type: TYPE.file, name, mode, size: data.length });
    let done = 0;
    writer.data(data.length, (address, length) => {
      const n = Math.min(length, data.length - done);
      new Uint8Array(native.view(address, n)).set(data.subarray(done, done + n));
      done += n;
      return n;
    });
  };
  file("meta.json", native.bytes(JSON.stringify(context)), 0o644);
  writer.header({ ...common, type: TYPE.dir, name: "tls/", mode: 0o700, size: 0 });
  if (tls.size > 0) writer.header({ ...common, type: TYPE.dir, name: "tls/docker/", mode: 0o700, size: 0 });
  for (const [name, data] of tls) file(`tls/docker/${name}`, data, 0o600);
  writer.end();
}

export function readArchive(fd: number): Exported {
  const reader = new TarReader(
    new PulledSource((address, length) => sys("read", undefined, NR.read, fd, address, length)),
  );
  let context: Context | undefined;
  const tls = new Map<TlsFile, Uint8Array>();
  for (let entry = reader.next(); entry; entry = reader.next()) {
    if (entry.type !== "file") continue;
    const { name, size } = entry;
    const file = TLS_FILES.find((one) => name === `tls/docker/${one}`);
    if (name !== "meta.json" && !file) {
      throw new WharfError("InvalidArgument", `the archive has ${JSON.stringify(name)}, which belongs to no context`);
    }
    if (size > MOST) throw new WharfError("InvalidArgument", `${JSON.stringify(name)} is too large for a context`);
    const data = new Uint8Array(size);
    reader.data((address, length, offset) => data.set(new Uint8Array(native.view(address, length)), offset));
    if (file) tls.set(file, data);
    else context = parseContext(native.utf8(data), "meta.json");
  }
  if (!context) throw new WharfError("InvalidArgument", "the archive has no meta.json: it is no context");
  return { context, tls };
}
