/**
 * Writes and hashes large ingests, off the event loop: one thread serves several, message by message in order.
 * File calls are synchronous here; the page cache takes the data and the flush is the main thread's.
 */

import { createHash, type Hash } from "node:crypto";
import { closeSync, ftruncateSync, openSync, readSync, writeSync } from "node:fs";
import { parentPort } from "node:worker_threads";
import type { HashRequest, HashResponse } from "./hasher.ts";

interface Session {
  fd: number;
  path: string;
  algorithm: string;
  hash: Hash;
  offset: number;
}

const port = parentPort!;
const sessions = new Map<number, Session>();
const READ_SIZE = 1024 * 1024;

port.on("message", (request: HashRequest) => {
  let answer: HashResponse;
  try {
    answer = serve(request);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    answer = { seq: request.seq, error: { code, message } };
  }
  if ("buffer" in request) {
    answer.buffer = request.buffer;
    port.postMessage(answer, [request.buffer]);
  } else {
    port.postMessage(answer);
  }
});

function serve(request: HashRequest): HashResponse {
  const { seq, id } = request;
  if (request.op === "open") {
    const { path, algorithm, offset } = request;
    const fd = openSync(path, "a+", 0o600);
    const session: Session = { fd, path, algorithm, hash: createHash(algorithm), offset: 0 };
    sessions.set(id, session);
    ftruncateSync(fd, offset);
    session.hash = hashFile(session, algorithm, offset);
    session.offset = offset;
    return { seq, offset };
  }
  const session = sessions.get(id)!;
  switch (request.op) {
    case "write": {
      const data = new Uint8Array(request.buffer, 0, request.length);
      for (let at = 0; at < data.length; ) at += writeSync(session.fd, data, at);
      session.hash.update(data);
      session.offset += data.length;
      return { seq, offset: session.offset };
    }
    case "truncate": {
      ftruncateSync(session.fd, request.size);
      session.hash = hashFile(session, session.algorithm, request.size);
      session.offset = request.size;
      return { seq, offset: session.offset };
    }
    case "digest": {
      const { algorithm } = request;
      const hash = algorithm === session.algorithm ? session.hash.copy() : hashFile(session, algorithm, session.offset);
      return { seq, offset: session.offset, hex: hash.digest("hex") };
    }
    case "close": {
      sessions.delete(id);
      closeSync(session.fd);
      return { seq, offset: session.offset };
    }
  }
}

/** The hash of the first `length` bytes: how a resumed ingest gets its state back. */
function hashFile(session: Session, algorithm: string, length: number): Hash {
  const hash = createHash(algorithm);
  const buffer = length > 0 ? new Uint8Array(Math.min(READ_SIZE, length)) : undefined;
  for (let at = 0; at < length; ) {
    const n = readSync(session.fd, buffer!, 0, Math.min(buffer!.length, length - at), at);
    if (n === 0) throw Object.assign(new Error(`${session.path} is shorter than ${length} bytes`), { code: "EIO" });
    hash.update(buffer!.subarray(0, n));
    at += n;
  }
  return hash;
}
