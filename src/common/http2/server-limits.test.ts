import assert from "node:assert/strict";
import { test } from "node:test";
import { WharfError } from "../errors.ts";
import { encodeUtf8 } from "../utf8.ts";
import {
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
  word,
} from "./frames.ts";
import { encodeHeaders, type HeaderList } from "./hpack.ts";
import { type HeaderRecord, Http2Server, type ServerStream } from "./server.ts";

const REQUEST: HeaderList = [
  [":method", "POST"],
  [":scheme", "http"],
  [":path", "/x"],
];
const WHOLE = FLAG.END_HEADERS | FLAG.END_STREAM;
const NOTHING = new Uint8Array(0);

/** A server and what a client of it sees. */
class Peer {
  readonly heard: string[] = [];
  readonly streams: ServerStream[] = [];
  readonly requests: HeaderRecord[] = [];
  readonly frames: Frame[] = [];
  now = 0;
  readonly server: Http2Server;
  readonly #reader = new FrameReader(1 << 24);

  constructor(greet = true, answer: (stream: ServerStream) => void = () => {}) {
    this.server = new Http2Server(
      (stream, headers) => {
        answer(stream);
        this.streams.push(stream);
        this.requests.push(headers);
        return {
          data: (bytes) => void this.heard.push(`data ${bytes.length}`),
          end: () => void this.heard.push("end"),
          gone: () => void this.heard.push("gone"),
        };
      },
      () => {},
      () => this.now,
    );
    if (greet) this.say(encodeUtf8(PREFACE), encodeFrame(FRAME.SETTINGS, 0, 0, NOTHING));
  }

  say(...frames: Uint8Array[]): this {
    for (const frame of frames) this.server.receive(frame);
    return this;
  }

  open(id = 1, headers = REQUEST, flags: number = FLAG.END_HEADERS): this {
    return this.say(encodeFrame(FRAME.HEADERS, flags, id, encodeHeaders(headers)));
  }

  /** Frames of a type that were sent since the last look. */
  sent(type: number): Frame[] {
    for (const part of this.server.outbox.take()) {
      this.#reader.push(part, (frame) => this.frames.push({ ...frame, payload: frame.payload.slice() }));
    }
    this.server.taken(false);
    const found = this.frames.filter((frame) => frame.type === type);
    this.frames.length = 0;
    return found;
  }

  /** The connection's error for what is said. */
  breaks(...frames: Uint8Array[]): number | undefined {
    assert.throws(() => this.say(...frames), WharfError);
    const [frame] = this.sent(FRAME.GOAWAY);
    return frame && readWord(frame.payload, 4);
  }

  resets(): number[] {
    return this.sent(FRAME.RST_STREAM).map(({ payload }) => readWord(payload, 0));
  }
}

const headers = (id: number, block: Uint8Array) => encodeFrame(FRAME.HEADERS, WHOLE, id, block);
const settings = (id: number, value: number) => encodeFrame(FRAME.SETTINGS, 0, 0, encodeSettings({ [id]: value }));

test("bytes that come one by one mean the same", () => {
  const bytes = Buffer.concat([
    encodeUtf8(PREFACE),
    encodeFrame(FRAME.SETTINGS, 0, 0, NOTHING),
    encodeFrame(FRAME.HEADERS, FLAG.PRIORITY, 1, Uint8Array.of(0, 0, 0, 0, 9)),
    encodeFrame(FRAME.CONTINUATION, FLAG.END_HEADERS, 1, encodeHeaders(REQUEST)),
    encodeFrame(FRAME.DATA, FLAG.PADDED, 1, Uint8Array.of(2, 1, 0, 0)),
    encodeFrame(FRAME.DATA, FLAG.END_STREAM, 1, NOTHING),
    encodeFrame(77, 0, 1, Uint8Array.of(1)),
    encodeFrame(FRAME.PING, 0, 0, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)),
  ]);
  const peer = new Peer(false);
  for (const byte of bytes) peer.say(Uint8Array.of(byte));
  assert.deepEqual(peer.heard, ["data 1", "end"]);
  assert.equal(peer.requests[0]?.[":path"], "/x");
  const [ping] = peer.sent(FRAME.PING);
  assert.deepEqual([ping?.flags, [...ping!.payload]], [FLAG.ACK, [1, 2, 3, 4, 5, 6, 7, 8]]);
});

test("bytes that are lent are the writer's again when the transport has taken the last of them, and never while a part of them waits", () => {
  const peer = new Peer().open(1, REQUEST, FLAG.END_HEADERS | FLAG.END_STREAM);
  const [stream] = peer.streams;
  const back: string[] = [];
  const { outbox } = peer.server;
  peer.sent(FRAME.HEADERS);
  // The window of 65,535 bytes holds the first and some of the second.
  void stream!.write(new Uint8Array(5), new Uint8Array(50_000), () => back.push("first"));
  void stream!.write(new Uint8Array(50_000), undefined, () => back.push("second"));
  const first = outbox.takeSent();
  assert.deepEqual([first.length, back.length], [1, 0]);
  peer.sent(FRAME.DATA);
  for (const one of first) one();
  assert.deepEqual(back, ["first"]);
  assert.deepEqual(outbox.takeSent(), [], "nothing waits");
  peer.say(
    encodeFrame(FRAME.WINDOW_UPDATE, 0, 1, word(1 << 20)),
    encodeFrame(FRAME.WINDOW_UPDATE, 0, 0, word(1 << 20)),
  );
  for (const one of outbox.takeSent()) one();
  assert.deepEqual(back, ["first", "second"]);
});

test("what breaks the protocol ends the connection with the error that fits", () => {
  const { PROTOCOL_ERROR, FRAME_SIZE_ERROR, FLOW_CONTROL_ERROR, COMPRESSION_ERROR, ENHANCE_YOUR_CALM } = H2_ERROR;
  const head = encodeHeaders(REQUEST);
  const cases: [name: string, code: number, ...frames: Uint8Array[]][] = [
    ["data of no stream", PROTOCOL_ERROR, encodeFrame(FRAME.DATA, 0, 0, NOTHING)],
    ["data of an idle stream", PROTOCOL_ERROR, encodeFrame(FRAME.DATA, 0, 5, NOTHING)],
    ["too much padding", PROTOCOL_ERROR, encodeFrame(FRAME.DATA, FLAG.PADDED, 1, Uint8Array.of(9, 0))],
    ["an even stream", PROTOCOL_ERROR, encodeFrame(FRAME.HEADERS, WHOLE, 2, head)],
    ["a push", PROTOCOL_ERROR, encodeFrame(FRAME.PUSH_PROMISE, 0, 1, new Uint8Array(4))],
    ["a continuation of nothing", PROTOCOL_ERROR, encodeFrame(FRAME.CONTINUATION, 0, 1, head)],
    [
      "an interrupted block",
      PROTOCOL_ERROR,
      encodeFrame(FRAME.HEADERS, 0, 1, head),
      encodeFrame(FRAME.PING, 0, 0, new Uint8Array(8)),
    ],
    ["a block of nonsense", COMPRESSION_ERROR, encodeFrame(FRAME.HEADERS, WHOLE, 1, Uint8Array.of(0xff, 0x00))],
    ["a reset of an idle stream", PROTOCOL_ERROR, encodeFrame(FRAME.RST_STREAM, 0, 9, word(8))],
    ["a short reset", FRAME_SIZE_ERROR, encodeFrame(FRAME.RST_STREAM, 0, 1, NOTHING)],
    ["a short ping", FRAME_SIZE_ERROR, encodeFrame(FRAME.PING, 0, 0, NOTHING)],
    ["a short window update", FRAME_SIZE_ERROR, encodeFrame(FRAME.WINDOW_UPDATE, 0, 0, NOTHING)],
    ["a window update of nothing", PROTOCOL_ERROR, encodeFrame(FRAME.WINDOW_UPDATE, 0, 0, word(0))],
    ["a window too big", FLOW_CONTROL_ERROR, encodeFrame(FRAME.WINDOW_UPDATE, 0, 0, word(2 ** 31 - 1))],
    ["an initial window too big", FLOW_CONTROL_ERROR, settings(SETTING.INITIAL_WINDOW_SIZE, 2 ** 31)],
    ["frames too small", PROTOCOL_ERROR, settings(SETTING.MAX_FRAME_SIZE, 100)],
    ["a ping of a stream", PROTOCOL_ERROR, encodeFrame(FRAME.PING, 0, 1, new Uint8Array(8))],
    ["a farewell of a stream", PROTOCOL_ERROR, encodeFrame(FRAME.GOAWAY, 0, 1, new Uint8Array(8))],
    ["a priority of no stream", PROTOCOL_ERROR, encodeFrame(FRAME.PRIORITY, 0, 0, new Uint8Array(5))],
    ["push that is neither on nor off", PROTOCOL_ERROR, settings(SETTING.ENABLE_PUSH, 2)],
    ["an acknowledgement with settings", FRAME_SIZE_ERROR, encodeFrame(FRAME.SETTINGS, FLAG.ACK, 0, new Uint8Array(6))],
    ["a table resized within a block", COMPRESSION_ERROR, headers(1, Uint8Array.of(...head, 0x20))],
    ["a stream of before", PROTOCOL_ERROR, headers(5, head), headers(3, head)],
    ["half a setting", FRAME_SIZE_ERROR, encodeFrame(FRAME.SETTINGS, 0, 0, new Uint8Array(5))],
    ["settings of a stream", PROTOCOL_ERROR, encodeFrame(FRAME.SETTINGS, 0, 1, NOTHING)],
    ["a frame too big", FRAME_SIZE_ERROR, Uint8Array.of(0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1)],
    [
      "endless headers",
      ENHANCE_YOUR_CALM,
      encodeFrame(FRAME.HEADERS, 0, 1, new Uint8Array(60_000)),
      ...Array.from({ length: 20 }, () => encodeFrame(FRAME.CONTINUATION, 0, 1, new Uint8Array(60_000))),
    ],
    [
      // an entry of 4,000 bytes, and references to it
      "headers that grow by reading",
      ENHANCE_YOUR_CALM,
      encodeFrame(
        FRAME.HEADERS,
        WHOLE,
        1,
        Buffer.concat([
          Buffer.from("400161", "hex"),
          Buffer.from("7fa11e", "hex"),
          Buffer.alloc(4000, 97),
          Buffer.alloc(9000, 0xbe),
        ]),
      ),
    ],
  ];
  for (const [name, code, ...frames] of cases) assert.equal(new Peer().breaks(...frames), code, name);
  assert.equal(new Peer(false).breaks(encodeUtf8("GET / HTTP/1.1\r\n\r\n")), PROTOCOL_ERROR);
  assert.equal(
    new Peer(false).breaks(encodeUtf8(PREFACE), encodeFrame(FRAME.PING, 0, 0, new Uint8Array(8))),
    PROTOCOL_ERROR,
  );
  const open = new Peer().open();
  open.breaks(encodeFrame(FRAME.PUSH_PROMISE, 0, 1, NOTHING));
  assert.deepEqual(open.heard, ["gone"]);
  assert.equal(open.server.pending, 0);
});

test("a malformed request is reset alone", () => {
  const malformed: HeaderList[] = [
    [[":method", "POST"]],
    [...REQUEST, [":path", "/y"]],
    [...REQUEST, [":other", "x"]],
    [["early", "x"], ...REQUEST],
    [...REQUEST, ["Upper", "x"]],
    [...REQUEST, ["connection", "close"]],
    [...REQUEST, ["te", "gzip"]],
    [...REQUEST, ["", "x"]],
    [...REQUEST, ["name", "a\nb"]],
    [...REQUEST.slice(0, 2), [":path", ""]],
    [...REQUEST, ["content-length", "-1"]],
  ];
  const peer = new Peer();
  for (const [i, list] of malformed.entries()) peer.open(i * 2 + 1, list);
  assert.deepEqual(
    peer.resets(),
    malformed.map(() => H2_ERROR.PROTOCOL_ERROR),
  );
  peer.open(101, [...REQUEST, ["__proto__", "x"], ["te", "trailers"]], WHOLE);
  assert.equal(peer.requests.length, 1);
  assert.deepEqual(Object.entries(peer.requests[0]!)[3], ["__proto__", "x"]);
  assert.deepEqual(peer.heard, ["end"]);
});

test("what comes on a stream after its end resets it alone, and what was on its way when the server ended it nothing", () => {
  const { STREAM_CLOSED, PROTOCOL_ERROR } = H2_ERROR;
  const data = (id: number, flags = 0) => encodeFrame(FRAME.DATA, flags, id, Uint8Array.of(1));
  const peer = new Peer();
  for (const [id, late] of [data(1), headers(3, encodeHeaders([["x", "y"]]))].entries()) {
    peer.open(id * 2 + 1, REQUEST, WHOLE).say(late);
    assert.deepEqual(peer.resets(), [STREAM_CLOSED]);
    assert.deepEqual(peer.heard.splice(0), ["end", "gone"]);
    peer.say(data(id * 2 + 1));
    assert.deepEqual(peer.resets(), [STREAM_CLOSED], "also when nobody knows it any more");
  }
  peer.open(5);
  peer.streams[2]!.trailers(encodeHeaders([["grpc-status", "0"]]));
  assert.deepEqual(peer.resets(), [0]);
  peer.say(data(5), data(5, FLAG.END_STREAM));
  assert.deepEqual(peer.resets(), []);
  peer.say(data(5));
  assert.deepEqual(peer.resets(), [STREAM_CLOSED]);
  // trailers: those that the client may send are read and dropped
  peer.open(7).say(headers(7, encodeHeaders([["x", "y"]])));
  assert.deepEqual([peer.resets(), peer.heard.splice(0)], [[], ["end"]]);
  peer.open(9).say(headers(9, encodeHeaders([[":path", "/"]])));
  assert.deepEqual([peer.resets(), peer.heard.splice(0)], [[PROTOCOL_ERROR], ["gone"]]);
  const block = encodeHeaders([["x", "y"]]);
  peer.open(11).say(encodeFrame(FRAME.HEADERS, FLAG.END_HEADERS, 11, block));
  assert.deepEqual([peer.resets(), peer.heard.splice(0)], [[PROTOCOL_ERROR], ["gone"]]);
  peer.open(13).say(encodeFrame(FRAME.PRIORITY, 0, 13, new Uint8Array(4)));
  assert.deepEqual([peer.resets(), peer.heard.splice(0)], [[H2_ERROR.FRAME_SIZE_ERROR], ["gone"]]);
});

test("a body is as long as content-length says, or the stream is reset", () => {
  const length: HeaderList = [...REQUEST, ["content-length", "3"]];
  const bodies: [size: number, heard: string[]][] = [
    [2, ["data 2", "gone"]],
    [3, ["data 3", "end"]],
    [4, ["gone"]],
  ];
  const peer = new Peer();
  for (const [i, [size, heard]] of bodies.entries()) {
    peer.open(i * 2 + 1, length).say(encodeFrame(FRAME.DATA, FLAG.END_STREAM, i * 2 + 1, new Uint8Array(size)));
    assert.deepEqual(peer.heard.splice(0), heard);
  }
  peer.open(9, length, WHOLE);
  assert.deepEqual([peer.resets().length, peer.heard, peer.streams.length], [3, [], bodies.length]);
});

test("a whole request that is answered at once is over, with nothing to reset", () => {
  const peer = new Peer(true, (stream) => stream.headers(encodeHeaders([[":status", "200"]]), true));
  peer.open(1, REQUEST, WHOLE);
  assert.deepEqual([peer.resets(), peer.server.pending], [[], 0]);
  peer.open(3);
  assert.deepEqual([peer.resets(), peer.server.pending], [[H2_ERROR.NO_ERROR], 0]);
});

test("above the limit of streams a request is refused, so that its client may send it again", () => {
  const peer = new Peer();
  const head = encodeHeaders(REQUEST);
  for (let id = 1; id < 200_000; id += 2) peer.say(headers(id, head));
  peer.open(200_001, [...REQUEST, ["content-length", "3"]]);
  assert.deepEqual(peer.resets(), [H2_ERROR.REFUSED_STREAM]);
});

test("what gRPC's clients say with spaces around it is taken", () => {
  assert.equal(new Peer().open(1, [...REQUEST, ["name", " a "]]).requests[0]?.["name"], " a ");
});

test("headers of hundreds of kilobytes are taken in one frame or many", () => {
  for (const size of [1 << 20, 16384]) {
    const peer = new Peer();
    const block = encodeHeaders([...REQUEST, ["big", "x".repeat(700_000)]]);
    for (let at = 0; at < block.length; at += size) {
      const flags = at + size < block.length ? 0 : FLAG.END_HEADERS;
      peer.say(encodeFrame(at === 0 ? FRAME.HEADERS : FRAME.CONTINUATION, flags, 1, block.subarray(at, at + size)));
    }
    assert.equal(peer.requests[0]?.["big"]?.length, 700_000);
  }
});

test("requests go on being read right when the table changes between equal blocks", () => {
  const peer = new Peer();
  const block = (...bytes: (string | number)[]) =>
    Buffer.concat(bytes.map((one) => (typeof one === "string" ? Buffer.from(one) : Buffer.of(one))));
  // :method POST, :scheme http; :path is added to the table, or taken from its newest entry
  const add = (path: string) => block(0x83, 0x86, 0x44, path.length, path);
  const newest = block(0x83, 0x86, 0xbe);
  const blocks = [add("/a"), newest, newest, add("/b"), newest, newest];
  for (const [i, bytes] of blocks.entries()) peer.say(encodeFrame(FRAME.HEADERS, WHOLE, i * 2 + 1, bytes));
  assert.deepEqual(
    peer.requests.map((headers) => headers[":path"]),
    ["/a", "/a", "/a", "/b", "/b", "/b"],
  );
  assert.equal(peer.requests[1], peer.requests[2], "the same block is read once");
});

test("requests that look alike are told apart, more of them than are remembered", () => {
  const peer = new Peer();
  const paths = [...Array(100).keys(), ...Array(100).keys(), 99].map((i) => `/${i}`.padEnd(9, "x"));
  const blocks = paths.map((path) => encodeHeaders([...REQUEST.slice(0, 2), [":path", path]]));
  for (const [i, block] of blocks.entries()) peer.say(encodeFrame(FRAME.HEADERS, WHOLE, i * 2 + 1, block));
  assert.deepEqual(
    peer.requests.map((headers) => headers[":path"]),
    paths,
  );
  assert.equal(peer.requests.at(-1), peer.requests.at(-2));
});

test("a client may send as much as it was given leave for, and no more", () => {
  const piece = encodeFrame(FRAME.DATA, 0, 1, new Uint8Array(1 << 20));
  const peer = new Peer().open().say(piece, piece);
  assert.deepEqual(
    peer
      .sent(FRAME.WINDOW_UPDATE)
      .map(({ stream, payload }) => [stream, readWord(payload, 0)])
      .at(-1),
    [1, 2 << 20],
  );
  peer.streams[0]!.pause();
  peer.say(piece, piece, piece);
  assert.equal(peer.sent(FRAME.WINDOW_UPDATE).length, 0);
  peer.streams[0]!.resume();
  assert.equal(readWord(peer.sent(FRAME.WINDOW_UPDATE)[0]!.payload, 0), 3 << 20);
  peer.streams[0]!.pause();
  peer.say(piece, piece, piece, piece);
  assert.deepEqual(peer.resets(), []);
  peer.say(piece);
  assert.deepEqual(peer.resets(), [H2_ERROR.FLOW_CONTROL_ERROR]);
  assert.equal(peer.heard.at(-1), "gone");
});

test("a body is sent as the windows, the frames and the transport allow", async () => {
  const peer = new Peer().say(settings(SETTING.INITIAL_WINDOW_SIZE, 10)).open(1, REQUEST, WHOLE);
  const stream = peer.streams[0]!;
  const sizes = () => peer.sent(FRAME.DATA).map(({ payload }) => payload.length);
  stream.write(new Uint8Array(8), new Uint8Array(8));
  stream.trailers(encodeHeaders([["grpc-status", "0"]]));
  assert.deepEqual(sizes(), [10]);
  peer.say(settings(SETTING.INITIAL_WINDOW_SIZE, 12));
  assert.deepEqual(sizes(), [2]);
  peer.say(encodeFrame(FRAME.WINDOW_UPDATE, 0, 1, word(100)));
  assert.deepEqual(sizes(), [4]);
  assert.equal(peer.server.pending, 0);

  peer.say(encodeFrame(FRAME.WINDOW_UPDATE, 0, 0, word(100 << 20)), settings(SETTING.INITIAL_WINDOW_SIZE, 100 << 20));
  peer.open(3, REQUEST, WHOLE).sent(FRAME.DATA);
  const long = peer.streams[1]!;
  assert.equal(long.write(new Uint8Array(1 << 20)), undefined);
  assert.equal(long.write(new Uint8Array(1 << 20)), undefined, "one is read ahead");
  const room = long.write(new Uint8Array(1 << 20));
  assert.ok(room, "the writer waits");
  while (peer.sent(FRAME.DATA).length > 0);
  await room;
  peer.server.taken(true);
  long.write(new Uint8Array(10));
  assert.equal(peer.server.outbox.size, 0, "a transport that is full gets nothing");
  peer.server.taken(false);
  assert.deepEqual(sizes(), [10]);
});

test("a client that does nothing but open and reset, or ping, is cut off; one that takes its time is not", () => {
  for (const slow of [true, false]) {
    const peer = new Peer();
    const ping = encodeFrame(FRAME.PING, FLAG.ACK, 0, new Uint8Array(8));
    const flood = () => {
      for (let i = 0; i < 250_000; i++) {
        if (slow) peer.now += 1;
        peer.say(ping);
      }
    };
    if (slow) flood();
    else assert.throws(flood, { message: /makes work and nothing else/ });
  }
  const many = new Peer();
  for (let id = 1; id < 10_000; id += 2) many.open(id);
  assert.throws(() => {
    // each takes a look at 5,000 streams
    for (let i = 0; i < 5000; i++) many.say(settings(SETTING.INITIAL_WINDOW_SIZE, i));
  }, /makes work and nothing else/);
  const peer = new Peer();
  const head = encodeHeaders(REQUEST);
  assert.throws(() => {
    for (let id = 1; id < 300_000; id += 2) {
      peer.say(encodeFrame(FRAME.HEADERS, FLAG.END_HEADERS, id, head), encodeFrame(FRAME.RST_STREAM, 0, id, word(8)));
    }
  }, WharfError);
  assert.equal(peer.server.pending, 0);
});
