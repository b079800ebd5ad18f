// Containerd's transfer service from the caller's side: streams for progress, credentials and data beside the call itself.
import { WharfError } from "../../common/errors.ts";
import { StreamInit } from "../../common/gen/containerd/services/streaming.ts";
import { Progress } from "../../common/gen/containerd/transfer/progress.ts";
import { AuthRequest, AuthResponse, AuthType } from "../../common/gen/containerd/transfer/registry.ts";
import { Data, WindowUpdate } from "../../common/gen/containerd/transfer/streaming.ts";
import { type AnyLike, isAny, packAny, unpackAny } from "../../common/protobuf/any.ts";
import { read } from "../sys/fs.ts";
import { loop } from "../sys/loop.ts";
import { randomBytes } from "../sys/time.ts";
import { type Ctr, hex } from "./ctr.ts";
import { Outbox } from "./outbox.ts";

/** Bytes of one message, and how many may be under way: as containerd has them. */
const PIECE = 32 << 10;
const WINDOW = 2 * PIECE;

interface OpenStream {
  id: string;
  send: (message: AnyLike) => void;
  close: () => void;
  messages: AsyncIterator<AnyLike>;
}

/** Opens a stream that the call then names. */
async function openStream(ctr: Ctr, kind: string): Promise<OpenStream> {
  const id = `${kind}-${hex(randomBytes(8))}`;
  const requests = new Outbox<AnyLike>();
  const messages = ctr.streaming.stream(requests)[Symbol.asyncIterator]();
  requests.put(packAny(StreamInit, { id }));
  // the server says that it knows the stream by now
  await messages.next();
  return { id, send: (message) => requests.put(message), close: () => requests.end(), messages };
}

/** Carries out a transfer; `progress` hears how it goes. */
export async function transfer(
  ctr: Ctr,
  source: AnyLike,
  destination: AnyLike,
  progress?: (step: Progress) => void,
): Promise<void> {
  const stream = progress ? await openStream(ctr, "progress") : undefined;
  const listening = stream && progress ? listen(stream, progress) : undefined;
  try {
    await ctr.transfer.transfer({ source, destination, options: { progressStream: stream?.id ?? "" } });
  } finally {
    stream?.close();
  }
  await listening;
}

async function listen({ messages }: OpenStream, progress: (step: Progress) => void): Promise<void> {
  try {
    for (;;) {
      const next = await messages.next();
      if (next.done) return;
      if (isAny(next.value, Progress)) progress(unpackAny(Progress, next.value));
    }
  } catch {
    // how the transfer ends is told by its own answer
  }
}

/** A stream on which the server asks for credentials; the answer is always the same. */
export async function credentialStream(ctr: Ctr, username: string, secret: string): Promise<string> {
  const stream = await openStream(ctr, "auth");
  const authType = username === "" ? AuthType.REFRESH : AuthType.CREDENTIALS;
  void (async () => {
    for (;;) {
      const next = await stream.messages.next();
      if (next.done) return;
      if (isAny(next.value, AuthRequest)) stream.send(packAny(AuthResponse, { authType, username, secret }));
    }
  })().catch(() => {
    // how the transfer ends is told by its own answer
  });
  return stream.id;
}

/** A stream that gives what descriptor `fd` holds, as fast as the server takes it. */
export async function sendStream(ctr: Ctr, fd: number): Promise<string> {
  const stream = await openStream(ctr, "import");
  void (async () => {
    const buffer = new Uint8Array(PIECE);
    let room = 0;
    for (;;) {
      while (room <= 0) {
        const next = await stream.messages.next();
        if (next.done) return;
        if (isAny(next.value, WindowUpdate)) room += unpackAny(WindowUpdate, next.value).update;
      }
      const length = read(fd, buffer, Math.min(PIECE, room));
      if (length === 0) return stream.close();
      room -= length;
      stream.send(packAny(Data, { data: buffer.subarray(0, length) }));
    }
  })().catch(() => stream.close());
  return stream.id;
}

export interface ReceivingStream {
  id: string;
  /** To be called when the transfer has ended: resolves when all that it wrote has come. */
  rest(): Promise<void>;
}

/** What a tar ends with, at least. */
const TAR_END = 1024;
const QUIET_MS = 50;

/** A stream from which `take` gets all pieces of a tar in order. */
export async function receiveTar(ctr: Ctr, take: (piece: Uint8Array) => void): Promise<ReceivingStream> {
  const stream = await openStream(ctr, "export");
  let zeros = 0;
  let ended = false;
  let failure: unknown;
  let pieces = 0;
  void (async () => {
    for (let room = 0; ; ) {
      if (room < WINDOW) {
        stream.send(packAny(WindowUpdate, { update: WINDOW }));
        room += WINDOW;
      }
      const next = await stream.messages.next();
      if (next.done) break;
      if (!isAny(next.value, Data)) throw new WharfError("Internal", `unexpected ${next.value.typeUrl} in a stream`);
      const { data } = unpackAny(Data, next.value);
      room -= data.length;
      pieces++;
      const last = data.findLastIndex((byte) => byte !== 0);
      zeros = last < 0 ? zeros + data.length : data.length - 1 - last;
      take(data);
    }
    stream.close();
  })().then(
    () => {
      ended = true;
    },
    (error: unknown) => {
      ended = true;
      failure = error;
    },
  );
  return {
    id: stream.id,
    rest: async () => {
      // containerd 2.1 leaves the stream open: what it wrote last is known by the archive's own end
      for (let before = -1; !ended && (zeros < TAR_END || before !== pieces); ) {
        before = pieces;
        await loop().sleep(QUIET_MS);
      }
      if (failure !== undefined) throw failure;
      stream.close();
    },
  };
}
