/**
 * The serving end of one HTTP/2 connection (RFC 9113), without a transport: it is given bytes and gives bytes. As much as gRPC needs,
 * with limits on all that a client can make it keep or do. Pure.
 */

import { concat } from "../bytes.ts";
import { WharfError } from "../errors.ts";
import {
  DEFAULT_FRAME,
  DEFAULT_WINDOW,
  decodeSettings,
  encodeSettings,
  FLAG,
  FRAME,
  type Frame,
  H2_ERROR,
  MAX_WINDOW,
  readWord,
  SETTING,
  unpadded,
} from "./frames.ts";
import { HeaderDecoder } from "./hpack.ts";
import { Outbox } from "./outbox.ts";
import { type HeaderRecord, RequestDecoder } from "./request-headers.ts";
import { type FrameTaker, ServerReader } from "./server-reader.ts";
import { type Link, ServerStream, STREAM_WINDOW, type StreamReceiver } from "./server-stream.ts";

export type { HeaderRecord, StreamReceiver };
export { ServerStream };

/** Takes a request: who answers with the stream, and hears what comes on it. */
export type Accept = (stream: ServerStream, headers: HeaderRecord) => StreamReceiver;

/** Bytes that a client may send on all streams together. */
const CONNECTION_WINDOW = 16 << 20;
const MAX_FRAME = 1 << 20;
/** Each wait and each subscription is an open stream. */
const MAX_STREAMS = 100_000;
/** Bytes of a header block, as sent and as read: who keeps to the second keeps to the first. */
const MAX_BLOCK = 1 << 20;
const MAX_LIST = 1 << 20;
/** Frames that give work and bring nothing (resets, pings, settings …): so many at once, and a second. Cancelling many calls is usual. */
const BURST = 100_000;
const RATE = 10_000;
/** Streams that were answered or reset before the client had sent all: what of it is still on its way is no mistake of the client's. */
const LEFT = 1000;
/** So many streams with another window are as much work as one frame. */
const WIDENED = 64;
/** Bytes gathered for the transport before streams wait. */
const GATHERED = 1 << 20;
const NOTHING = new Uint8Array(0);
const SETTINGS = encodeSettings({
  [SETTING.MAX_CONCURRENT_STREAMS]: MAX_STREAMS,
  [SETTING.INITIAL_WINDOW_SIZE]: STREAM_WINDOW,
  [SETTING.MAX_FRAME_SIZE]: MAX_FRAME,
  [SETTING.MAX_HEADER_LIST_SIZE]: MAX_LIST,
});
const NAMES = new Map(Object.entries(H2_ERROR).map(([name, code]) => [code as number, name]));

export class Http2Server implements Link, FrameTaker {
  readonly outbox: Outbox;
  readonly waiting = new Set<ServerStream>();
  frameSize = DEFAULT_FRAME;
  window = DEFAULT_WINDOW;
  readonly #accept: Accept;
  readonly #now: () => number;
  readonly #reader = new ServerReader(MAX_FRAME);
  readonly #decoder = new RequestDecoder(new HeaderDecoder(4096, MAX_LIST));
  readonly #streams = new Map<number, ServerStream>();
  readonly #left = new Set<number>();
  #streamWindow = DEFAULT_WINDOW;
  #room = CONNECTION_WINDOW;
  #last = 0;
  #greeted = false;
  #held = false;
  #closed = false;
  /** A header block that comes in several frames. */
  #block: { stream: number; ends: boolean; parts: Uint8Array[]; size: number } | undefined;
  #patience = BURST;
  #counted: number;

  /** `wake`: there are bytes to `take`. `now`: milliseconds. */
  constructor(accept: Accept, wake: () => void, now: () => number = Date.now) {
    this.#accept = accept;
    this.#now = now;
    this.#counted = now();
    this.outbox = new Outbox(wake);
    this.outbox.frame(FRAME.SETTINGS, 0, 0, SETTINGS);
    this.outbox.wordFrame(FRAME.WINDOW_UPDATE, 0, CONNECTION_WINDOW - DEFAULT_WINDOW);
  }

  /** Requests under way. */
  get pending(): number {
    return this.#streams.size;
  }

  get full(): boolean {
    return this.#held || this.outbox.size >= GATHERED;
  }

  /** The client fetches nothing of what is owed to it whatever it does, answers to pings and the like: read no more of it. */
  get overdue(): boolean {
    return this.outbox.size >= 4 * GATHERED;
  }

  /** The transport has taken what there was. `held`: it is full, and takes no more of bodies until it says `taken` again. */
  taken(held: boolean): void {
    this.#held = held;
    for (let moved = true; moved && this.waiting.size > 0 && !this.full; ) {
      moved = false;
      // in turns: a big body does not keep the others waiting
      for (const stream of this.waiting) {
        if (this.window <= 0) return;
        if (stream.step()) moved = true;
        else stream.flush();
      }
    }
  }

  /** Takes what came from the client. An error means that the connection is of no use any more; what waits still tells the client why. */
  receive(chunk: Uint8Array): void {
    if (this.#closed) return;
    try {
      this.#reader.push(chunk, this);
    } catch (error) {
      const failure = WharfError.from(error);
      if (!this.#closed)
        this.#goAway(failure.code === "ResourceExhausted" ? H2_ERROR.FRAME_SIZE_ERROR : H2_ERROR.PROTOCOL_ERROR);
      throw failure;
    }
  }

  /** The connection is gone, and with it every stream. */
  close(): void {
    this.#closed = true;
    for (const stream of [...this.#streams.values()]) stream.gone();
  }

  over(stream: ServerStream): void {
    this.#streams.delete(stream.id);
    if (!stream.ended) this.#leave(stream.id);
  }

  #leave(id: number): void {
    this.#left.add(id);
    if (this.#left.size <= LEFT) return;
    const [oldest] = this.#left;
    this.#left.delete(oldest!);
  }

  data(id: number, bytes: Uint8Array, cost: number, last: boolean): void {
    this.#orderly(FRAME.DATA, id);
    if (id === 0 || id > this.#last) this.#fail(H2_ERROR.PROTOCOL_ERROR, "data of a stream that was not opened");
    if (bytes.length === 0 && !last) this.#count();
    this.#room -= cost;
    if (this.#room < 0) this.#fail(H2_ERROR.FLOW_CONTROL_ERROR, "the client sends more than it may");
    const stream = this.#streams.get(id);
    if (stream) {
      const wrong = stream.received(bytes, cost, last);
      if (wrong !== undefined) this.#abort(stream, wrong);
    } else if (!this.#left.has(id)) this.#refuse(id, H2_ERROR.STREAM_CLOSED);
    if (last) this.#left.delete(id);
    if (this.#room > CONNECTION_WINDOW / 2) return;
    this.outbox.wordFrame(FRAME.WINDOW_UPDATE, 0, CONNECTION_WINDOW - this.#room);
    this.#room = CONNECTION_WINDOW;
  }

  frame(frame: Frame): void {
    const { type, flags, payload } = frame;
    this.#orderly(type, frame.stream);
    if (type === FRAME.HEADERS) {
      const part = unpadded(frame);
      this.#block = { stream: frame.stream, ends: (flags & FLAG.END_STREAM) !== 0, parts: [], size: 0 };
      this.#gather(part, flags);
    } else if (type === FRAME.CONTINUATION) {
      if (payload.length === 0) this.#count();
      this.#gather(payload, flags);
    } else if (type === FRAME.SETTINGS) this.#settings(frame);
    else if (type === FRAME.PING) {
      if (payload.length !== 8) this.#fail(H2_ERROR.FRAME_SIZE_ERROR, "a ping has eight bytes");
      if (frame.stream !== 0) this.#fail(H2_ERROR.PROTOCOL_ERROR, "a ping of a stream");
      this.#count();
      if (!(flags & FLAG.ACK)) this.outbox.frame(FRAME.PING, FLAG.ACK, 0, payload);
    } else if (type === FRAME.WINDOW_UPDATE) this.#widen(frame);
    else if (type === FRAME.RST_STREAM) {
      if (payload.length !== 4) this.#fail(H2_ERROR.FRAME_SIZE_ERROR, "a reset has four bytes");
      if (frame.stream === 0 || frame.stream > this.#last) this.#fail(H2_ERROR.PROTOCOL_ERROR, "a reset of no stream");
      this.#count();
      this.#streams.get(frame.stream)?.gone();
      this.#left.delete(frame.stream);
    } else if (type === FRAME.PUSH_PROMISE) this.#fail(H2_ERROR.PROTOCOL_ERROR, "a client does not push");
    else this.#other(frame);
  }

  /** What has no effect: priorities are not kept, a client that goes away opens no more streams, other types are for extensions. */
  #other({ type, stream, payload }: Frame): void {
    this.#count();
    if (type === FRAME.GOAWAY && stream !== 0) this.#fail(H2_ERROR.PROTOCOL_ERROR, "a stream does not go away");
    if (type !== FRAME.PRIORITY) return;
    if (stream === 0) this.#fail(H2_ERROR.PROTOCOL_ERROR, "a priority of no stream");
    if (payload.length === 5) return;
    const open = this.#streams.get(stream);
    if (open) this.#abort(open, H2_ERROR.FRAME_SIZE_ERROR);
    else this.#fail(H2_ERROR.FRAME_SIZE_ERROR, "a priority has five bytes");
  }

  /** What may come at this place. */
  #orderly(type: number, stream: number): void {
    if (!this.#greeted && type !== FRAME.SETTINGS)
      this.#fail(H2_ERROR.PROTOCOL_ERROR, "the first frame has to be SETTINGS");
    this.#greeted = true;
    const block = this.#block;
    if (block ? type !== FRAME.CONTINUATION || stream !== block.stream : type === FRAME.CONTINUATION) {
      this.#fail(H2_ERROR.PROTOCOL_ERROR, "a header block was interrupted, or goes on without a beginning");
    }
  }

  #gather(part: Uint8Array, flags: number): void {
    const block = this.#block!;
    const whole = (flags & FLAG.END_HEADERS) !== 0;
    block.size += part.length;
    if (block.size > MAX_BLOCK) this.#fail(H2_ERROR.ENHANCE_YOUR_CALM, `headers of more than ${MAX_BLOCK} bytes`);
    if (!whole) block.parts.push(part.slice());
    else {
      this.#block = undefined;
      this.#headers(
        block.stream,
        block.parts.length === 0 ? part : concat([...block.parts, part], block.size),
        block.ends,
      );
    }
  }

  #headers(id: number, block: Uint8Array, ends: boolean): void {
    if (id % 2 === 0) this.#fail(H2_ERROR.PROTOCOL_ERROR, `a request on stream ${id}`);
    const trailers = id <= this.#last;
    let headers: HeaderRecord | undefined;
    try {
      // also for a stream that is closed: the table has to follow
      headers = trailers ? this.#decoder.trailers(block) : this.#decoder.decode(block);
    } catch (error) {
      const { code, message } = WharfError.from(error);
      this.#fail(code === "ResourceExhausted" ? H2_ERROR.ENHANCE_YOUR_CALM : H2_ERROR.COMPRESSION_ERROR, message);
    }
    if (trailers) {
      this.#trailers(id, headers !== undefined && ends);
      return;
    }
    this.#last = id;
    const length = headers?.["content-length"];
    const right = length === undefined || (/^\d{1,15}$/.test(length) && !(ends && Number(length) > 0));
    if (!headers || !right || this.#streams.size >= MAX_STREAMS) {
      if (!ends) this.#leave(id);
      this.#refuse(id, headers && right ? H2_ERROR.REFUSED_STREAM : H2_ERROR.PROTOCOL_ERROR);
      return;
    }
    const promised = length === undefined ? undefined : Number(length);
    const stream = new ServerStream(this, id, this.#streamWindow, ends, promised);
    this.#streams.set(id, stream);
    stream.receiver = this.#accept(stream, headers);
    if (ends) stream.receiver.end();
  }

  #trailers(id: number, right: boolean): void {
    const open = this.#streams.get(id);
    if (open) {
      if (open.ended) this.#abort(open, H2_ERROR.STREAM_CLOSED);
      else if (!right || !open.ends()) this.#abort(open, H2_ERROR.PROTOCOL_ERROR);
    } else if (!this.#left.delete(id)) this.#fail(H2_ERROR.PROTOCOL_ERROR, `headers of stream ${id}, which is over`);
  }

  #settings({ stream, flags, payload }: Frame): void {
    if (stream !== 0) this.#fail(H2_ERROR.PROTOCOL_ERROR, "settings of a stream");
    if (payload.length % 6 !== 0) this.#fail(H2_ERROR.FRAME_SIZE_ERROR, "settings have six bytes each");
    this.#count();
    if (flags & FLAG.ACK) {
      if (payload.length > 0) this.#fail(H2_ERROR.FRAME_SIZE_ERROR, "an acknowledgement of settings has none");
      return;
    }
    // of a setting that comes several times the last counts: each window concerns every stream
    for (const [id, value] of new Map(decodeSettings(payload))) {
      if (id === SETTING.MAX_FRAME_SIZE) {
        if (value < DEFAULT_FRAME || value >= 1 << 24) this.#fail(H2_ERROR.PROTOCOL_ERROR, `frames of ${value} bytes`);
        this.frameSize = Math.min(value, MAX_FRAME);
      } else if (id === SETTING.INITIAL_WINDOW_SIZE) {
        if (value > MAX_WINDOW) this.#fail(H2_ERROR.FLOW_CONTROL_ERROR, `a window of ${value} bytes`);
        const more = value - this.#streamWindow;
        this.#streamWindow = value;
        this.#count(Math.ceil(this.#streams.size / WIDENED));
        for (const each of this.#streams.values()) {
          if (!each.widen(more)) this.#fail(H2_ERROR.FLOW_CONTROL_ERROR, "the windows are too big");
        }
      } else if (id === SETTING.ENABLE_PUSH && value > 1) {
        this.#fail(H2_ERROR.PROTOCOL_ERROR, `push is neither on nor off but ${value}`);
      }
    }
    this.outbox.frame(FRAME.SETTINGS, FLAG.ACK, 0, NOTHING);
  }

  #widen({ stream: id, payload }: Frame): void {
    if (payload.length !== 4) this.#fail(H2_ERROR.FRAME_SIZE_ERROR, "a window update has four bytes");
    const more = readWord(payload, 0) & 0x7fffffff;
    if (id === 0) {
      this.window += more;
      if (more === 0) this.#fail(H2_ERROR.PROTOCOL_ERROR, "a window update of nothing");
      if (this.window > MAX_WINDOW) this.#fail(H2_ERROR.FLOW_CONTROL_ERROR, "the window is too big");
      this.taken(this.#held);
      return;
    }
    if (id > this.#last) this.#fail(H2_ERROR.PROTOCOL_ERROR, "a window of a stream that was not opened");
    const stream = this.#streams.get(id);
    if (!stream) this.#count();
    else if (more === 0) this.#abort(stream, H2_ERROR.PROTOCOL_ERROR);
    else if (!stream.widen(more)) this.#abort(stream, H2_ERROR.FLOW_CONTROL_ERROR);
  }

  /** One more frame of the kind that gives work alone, or what is as much. */
  #count(frames = 1): void {
    this.#patience -= frames;
    if (this.#patience >= 0) return;
    const now = this.#now();
    this.#patience = Math.min(BURST, this.#patience + ((now - this.#counted) * RATE) / 1000);
    this.#counted = now;
    if (this.#patience < 0) this.#fail(H2_ERROR.ENHANCE_YOUR_CALM, "the client makes work and nothing else");
  }

  /** Answers a frame of a stream that there is not. */
  #refuse(id: number, code: number): void {
    this.#count();
    this.outbox.wordFrame(FRAME.RST_STREAM, id, code);
  }

  /** Ends a stream whose client has done wrong. */
  #abort(stream: ServerStream, code: number): void {
    stream.reset(code);
    stream.receiver?.gone();
  }

  #fail(code: number, message: string): never {
    this.#goAway(code);
    throw new WharfError("InvalidArgument", message, { hint: `HTTP/2 error ${NAMES.get(code)}` });
  }

  #goAway(code: number): void {
    const payload = new Uint8Array(8);
    const view = new DataView(payload.buffer);
    view.setUint32(0, this.#last);
    view.setUint32(4, code);
    this.outbox.frame(FRAME.GOAWAY, 0, 0, payload);
    this.close();
  }
}
