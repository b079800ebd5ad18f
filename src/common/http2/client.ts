/**
 * The calling end of one HTTP/2 connection (RFC 9113), without a transport: it is given bytes and gives bytes. As much as
 * gRPC needs: requests with bodies, responses with trailers, flow control in both directions. Pure.
 */

import { WharfError } from "../errors.ts";
import { encodeUtf8 } from "../utf8.ts";
import {
  DEFAULT_FRAME,
  DEFAULT_WINDOW,
  decodeSettings,
  encodeFrame,
  encodeSettings,
  FLAG,
  FRAME,
  type Frame,
  FrameReader,
  H2_ERROR,
  PREFACE,
  readWord,
  SETTING,
  unpadded,
  word,
} from "./frames.ts";
import { encodeHeaders, HeaderDecoder, type HeaderList } from "./hpack.ts";

/** What a stream's owner hears. After `closed` nothing more comes. */
export interface StreamEvents {
  /** The response's head, and after the body its trailers. */
  headers(headers: HeaderList): void;
  /** A piece of the body; valid until the call returns. Call `consumed` when it is done with. */
  data(bytes: Uint8Array): void;
  /** Without an error: both sides have sent all. */
  closed(error: WharfError | undefined): void;
}

/** Bytes that may be under way to us: of one stream, and of all. */
const WINDOW = 4 << 20;
const ALL = 16 << 20;
const MAX_FRAME = 1 << 20;
const NOTHING = new Uint8Array(0);

export class Http2Client {
  readonly #send: (bytes: Uint8Array) => void;
  readonly #reader = new FrameReader(MAX_FRAME);
  readonly #decoder = new HeaderDecoder();
  readonly #streams = new Map<number, Http2Stream>();
  #next = 1;
  #closed: WharfError | undefined;
  #goingAway = false;
  /** A header block that comes in several frames. */
  #block: { stream: number; ends: boolean; parts: Uint8Array[] } | undefined;
  #unacknowledged = 0;
  /** What the peer allows us. */
  frameSize = DEFAULT_FRAME;
  streamWindow = DEFAULT_WINDOW;
  window = DEFAULT_WINDOW;

  constructor(send: (bytes: Uint8Array) => void) {
    this.#send = send;
    send(encodeUtf8(PREFACE));
    const settings = {
      [SETTING.ENABLE_PUSH]: 0,
      [SETTING.INITIAL_WINDOW_SIZE]: WINDOW,
      [SETTING.MAX_FRAME_SIZE]: MAX_FRAME,
    };
    this.frame(FRAME.SETTINGS, 0, 0, encodeSettings(settings));
    this.frame(FRAME.WINDOW_UPDATE, 0, 0, word(ALL - DEFAULT_WINDOW));
  }

  /** False when new requests need another connection. */
  get usable(): boolean {
    return !this.#closed && !this.#goingAway;
  }

  /** Requests under way. */
  get pending(): number {
    return this.#streams.size;
  }

  /** Begins a request. Unavailable on a closed connection. */
  request(headers: HeaderList, events: StreamEvents): Http2Stream {
    if (!this.usable) throw this.#closed ?? new WharfError("Unavailable", "the server takes no more requests");
    const stream = new Http2Stream(this, this.#next, events, () => this.#streams.delete(stream.id));
    this.#next += 2;
    this.#streams.set(stream.id, stream);
    this.frame(FRAME.HEADERS, FLAG.END_HEADERS, stream.id, encodeHeaders(headers));
    return stream;
  }

  /** The connection is gone: every open stream closes with Unavailable. */
  close(reason?: unknown): void {
    this.#closed ??= new WharfError("Unavailable", "the connection was lost", { cause: reason });
    for (const stream of [...this.#streams.values()]) stream.close(this.#closed);
  }

  /** Takes what came from the peer. An error means that the connection is of no use any more; it is closed. */
  receive(chunk: Uint8Array): void {
    try {
      this.#reader.push(chunk, (frame) => this.#take(frame));
    } catch (error) {
      this.close(error);
      throw error;
    }
  }

  frame(type: number, flags: number, stream: number, payload: Uint8Array): void {
    this.#send(encodeFrame(type, flags, stream, payload));
  }

  /** Bytes of bodies that were read: the peer may send as many more. */
  acknowledge(bytes: number): void {
    this.#unacknowledged += bytes;
    if (this.#unacknowledged < ALL / 2) return;
    this.frame(FRAME.WINDOW_UPDATE, 0, 0, word(this.#unacknowledged));
    this.#unacknowledged = 0;
  }

  #take(frame: Frame): void {
    const { type, flags, payload } = frame;
    if (this.#block && (type !== FRAME.CONTINUATION || frame.stream !== this.#block.stream)) {
      throw new WharfError("InvalidArgument", "a header block was interrupted");
    }
    const stream = this.#streams.get(frame.stream);
    if (type === FRAME.DATA) {
      const bytes = unpadded(frame);
      // padding counts for the windows, and so do bytes for a stream that is closed already
      this.acknowledge(payload.length - (stream ? bytes.length : 0));
      stream?.data(bytes, payload.length - bytes.length);
      if (flags & FLAG.END_STREAM) stream?.ended();
    } else if (type === FRAME.HEADERS) {
      this.#block = { stream: frame.stream, ends: (flags & FLAG.END_STREAM) !== 0, parts: [unpadded(frame).slice()] };
      if (flags & FLAG.END_HEADERS) this.#headers();
    } else if (type === FRAME.CONTINUATION) {
      if (!this.#block) throw new WharfError("InvalidArgument", "a header block goes on that has not begun");
      this.#block.parts.push(payload.slice());
      if (flags & FLAG.END_HEADERS) this.#headers();
    } else if (type === FRAME.SETTINGS) this.#settings(flags, payload);
    else if (type === FRAME.PING) {
      if (!(flags & FLAG.ACK)) this.frame(FRAME.PING, FLAG.ACK, 0, payload);
    } else if (type === FRAME.WINDOW_UPDATE) {
      const more = readWord(payload, 0) & 0x7fffffff;
      if (frame.stream === 0) {
        this.window += more;
        for (const each of this.#streams.values()) each.flush();
      } else stream?.widen(more);
    } else if (type === FRAME.RST_STREAM) stream?.reset(readWord(payload, 0));
    else if (type === FRAME.GOAWAY) this.#goAway(payload);
    else if (type === FRAME.PUSH_PROMISE)
      throw new WharfError("InvalidArgument", "the server pushes, which was not asked for");
    // other types are for extensions, and ignored
  }

  #headers(): void {
    const { stream, ends, parts } = this.#block!;
    this.#block = undefined;
    const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
      bytes.set(part, at);
      at += part.length;
    }
    // also for a stream that is closed: the table has to follow
    const headers = this.#decoder.decode(bytes);
    const open = this.#streams.get(stream);
    open?.events.headers(headers);
    if (ends) open?.ended();
  }

  #settings(flags: number, payload: Uint8Array): void {
    if (flags & FLAG.ACK) return;
    for (const [id, value] of decodeSettings(payload)) {
      if (id === SETTING.MAX_FRAME_SIZE) this.frameSize = Math.min(value, MAX_FRAME);
      if (id !== SETTING.INITIAL_WINDOW_SIZE) continue;
      for (const stream of this.#streams.values()) stream.widen(value - this.streamWindow);
      this.streamWindow = value;
    }
    this.frame(FRAME.SETTINGS, FLAG.ACK, 0, NOTHING);
  }

  #goAway(payload: Uint8Array): void {
    this.#goingAway = true;
    const last = readWord(payload, 0) & 0x7fffffff;
    const lost = new WharfError(
      "Unavailable",
      `the server ended the connection (HTTP/2 error ${readWord(payload, 4)})`,
    );
    for (const stream of [...this.#streams.values()]) if (stream.id > last) stream.close(lost);
  }
}

/** One request and its response. */
export class Http2Stream {
  readonly id: number;
  readonly events: StreamEvents;
  readonly #connection: Http2Client;
  readonly #gone: () => void;
  readonly #waiting: Uint8Array[] = [];
  #drained: (() => void)[] = [];
  #window: number;
  #unacknowledged = 0;
  #finishing = false;
  #finished = false;
  #over = false;
  #closed = false;

  constructor(connection: Http2Client, id: number, events: StreamEvents, gone: () => void) {
    this.#connection = connection;
    this.id = id;
    this.events = events;
    this.#gone = gone;
    this.#window = connection.streamWindow;
  }

  /** Queues bytes of the body, the `last` of it or not; the promise resolves when all of it is out, or the stream is closed. */
  async write(bytes: Uint8Array, last = false): Promise<void> {
    if (this.#closed) return;
    this.#waiting.push(bytes);
    if (last) this.#finishing = true;
    this.flush();
    if (this.#waiting.length > 0) await new Promise<void>((resolve) => void this.#drained.push(resolve));
  }

  /** No more bytes follow. */
  end(): void {
    this.#finishing = true;
    this.flush();
  }

  /** Ends it from this side, before its time. */
  cancel(): void {
    if (this.#closed) return;
    this.#connection.frame(FRAME.RST_STREAM, 0, this.id, word(H2_ERROR.CANCEL));
    this.close(new WharfError("Canceled", "the call was canceled"));
  }

  /** The reader is done with so many bytes of the body. */
  consumed(bytes: number): void {
    this.#connection.acknowledge(bytes);
    this.#unacknowledged += bytes;
    if (this.#unacknowledged < WINDOW / 2 || this.#over || this.#closed) return;
    this.#connection.frame(FRAME.WINDOW_UPDATE, 0, this.id, word(this.#unacknowledged));
    this.#unacknowledged = 0;
  }

  /** What the connection calls. */
  data(bytes: Uint8Array, padding: number): void {
    this.#unacknowledged += padding;
    if (bytes.length > 0) this.events.data(bytes);
  }

  widen(bytes: number): void {
    this.#window += bytes;
    this.flush();
  }

  /** Sends as much as the windows allow. */
  flush(): void {
    const connection = this.#connection;
    while (this.#waiting.length > 0 && !this.#closed) {
      const bytes = this.#waiting[0]!;
      const room = Math.min(connection.frameSize, this.#window, connection.window);
      if (room <= 0 && bytes.length > 0) return;
      const piece = bytes.subarray(0, room);
      this.#window -= piece.length;
      connection.window -= piece.length;
      if (piece.length === bytes.length) this.#waiting.shift();
      else this.#waiting[0] = bytes.subarray(room);
      const last = this.#finishing && this.#waiting.length === 0;
      if (last) this.#finished = true;
      connection.frame(FRAME.DATA, last ? FLAG.END_STREAM : 0, this.id, piece);
    }
    if (this.#finishing && !this.#finished && !this.#closed) {
      this.#finished = true;
      connection.frame(FRAME.DATA, FLAG.END_STREAM, this.id, NOTHING);
    }
    this.#wake();
    if (this.#finished && this.#over) this.close(undefined);
  }

  /** The peer has sent all. What it does not want to hear any more is not sent. */
  ended(): void {
    this.#over = true;
    if (!this.#finished) this.#connection.frame(FRAME.RST_STREAM, 0, this.id, word(H2_ERROR.NO_ERROR));
    this.close(undefined);
  }

  reset(code: number): void {
    const name = code === H2_ERROR.CANCEL ? "Canceled" : "Unavailable";
    this.close(new WharfError(name, `the server ended the call (HTTP/2 error ${code})`));
  }

  close(error: WharfError | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#waiting.length = 0;
    this.#gone();
    this.#wake();
    this.events.closed(error);
  }

  #wake(): void {
    const resolved = this.#drained;
    this.#drained = [];
    for (const resolve of resolved) resolve();
  }
}
