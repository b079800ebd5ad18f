/**
 * Hashes large ingests, off the event loop: reads their files as they grow. One thread serves several, message by message in
 * order. File calls are synchronous here; what was just written comes from the page cache.
 */

import { createHash, type Hash } from "node:crypto";
import { closeSync, openSync, readSync } from "node:fs";
import { parentPort } from "node:worker_threads";
import type { HashRequest, HashResponse } from "./hash-message.ts";

interface Session {
  fd: number;
  path: string;
  algorithm: string;
  hash: Hash;
  offset: number;
}

const port = parentPort!;
const sessions = new Map<number, Session>();
/** Small enough to stay in the processor's cache between reading and hashing. */
const buffer = new Uint8Array(256 * 1024);

port.on("message", (request: HashRequest) => {
  let answer: HashResponse;
  try {
    answer = serve(request);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    answer = { seq: request.seq, error: { code, message } };
  }
  port.postMessage(answer);
});

function serve(request: HashRequest): HashResponse {
  const { seq, id } = request;
  if (request.op === "open") {
    const { path, algorithm, offset } = request;
    const session: Session = { fd: openSync(path, "r"), path, algorithm, hash: createHash(algorithm), offset: 0 };
    sessions.set(id, session);
    advance(session, offset);
    return { seq };
  }
  const session = sessions.get(id);
  if (!session) {
    // It could not be opened, which was said then.
    if (request.op === "close") return { seq };
    throw Object.assign(new Error("the ingest is not open"), { code: "EBADF" });
  }
  switch (request.op) {
    case "advance":
      advance(session, request.size);
      return { seq };
    case "truncate":
      session.hash = createHash(session.algorithm);
      session.offset = 0;
      advance(session, request.size);
      return { seq };
    case "digest": {
      advance(session, request.size);
      const { algorithm } = request;
      if (algorithm === session.algorithm) return { seq, hex: session.hash.copy().digest("hex") };
      const other: Session = { ...session, algorithm, hash: createHash(algorithm), offset: 0 };
      advance(other, request.size);
      return { seq, hex: other.hash.digest("hex") };
    }
    case "close":
      sessions.delete(id);
      closeSync(session.fd);
      return { seq };
  }
}

/** Hashes the file on to its byte `size`. */
function advance(session: Session, size: number): void {
  while (session.offset < size) {
    const n = readSync(session.fd, buffer, 0, Math.min(buffer.length, size - session.offset), session.offset);
    if (n === 0) throw Object.assign(new Error(`${session.path} is shorter than ${size} bytes`), { code: "EIO" });
    session.hash.update(buffer.subarray(0, n));
    session.offset += n;
  }
}
