/** Where the Docker API is served beside its own socket: `unix:///path`, or `tcp://address:port` with mutual TLS. */

import { readFileSync } from "node:fs";
import { WharfError } from "../common/errors.ts";

export type ListenAddress = { kind: "unix"; path: string } | { kind: "tcp"; host: string; port: number };

/** Files in PEM. */
export interface TlsFiles {
  ca: string;
  cert: string;
  key: string;
}

/** What TLS servers are made with: only clients with a certificate of our authority get through the handshake. */
export interface TlsSettings {
  ca: Buffer;
  cert: Buffer;
  key: Buffer;
}

const TLS_PORT = 2376;

/** InvalidArgument. `secured`: certificates are given. */
export function parseListenAddress(text: string, secured: boolean): ListenAddress {
  const fail = (why: string, hint?: string) =>
    new WharfError("InvalidArgument", `cannot listen on ${JSON.stringify(text)}: ${why}`, {
      operation: "start wharfd",
      subject: text,
      hint,
    });
  if (/^unix:\/\/\/./.test(text)) return { kind: "unix", path: text.slice("unix://".length) };
  const match = /^tcp:\/\/(\[[0-9a-fA-F:.%]+\]|[^:/[\]]*)(?::(\d{1,5}))?\/?$/.exec(text);
  if (!match) throw fail("write unix:///path or tcp://address:port");
  if (!secured) {
    throw fail(
      "without TLS on both sides whoever reaches this port is root here",
      "give --tlsverify with --tlscacert, --tlscert and --tlskey",
    );
  }
  const port = match[2] === undefined ? TLS_PORT : Number(match[2]);
  if (port > 65535) throw fail(`${port} is no port`);
  return { kind: "tcp", host: match[1]!.replace(/^\[|\]$/g, "") || "127.0.0.1", port };
}

/** InvalidArgument names the file that cannot be read. */
export function readTls({ ca, cert, key }: TlsFiles): TlsSettings {
  const read = (path: string) => {
    try {
      return readFileSync(path);
    } catch (cause) {
      throw new WharfError("InvalidArgument", `cannot read the TLS file ${JSON.stringify(path)}`, {
        operation: "start wharfd",
        subject: path,
        cause,
      });
    }
  };
  return { ca: read(ca), cert: read(cert), key: read(key) };
}
