import assert from "node:assert/strict";
import { test } from "node:test";
import { WharfError } from "../errors.ts";
import { Any } from "../gen/google/protobuf/any.ts";
import { Status } from "../gen/google/rpc/status.ts";
import { decode, encode } from "../protobuf/codec.ts";
import { encodeUtf8 } from "../utf8.ts";
import { decodeBase64, encodeBase64, paddedBase64 } from "./base64.ts";
import { frame, MessageReader } from "./message.ts";
import { formatTimeout, metadata, parseHead, parseTimeout } from "./request.ts";
import { decodeText, encodeText, errorOfTrailers, errorTrailers } from "./status.ts";

const HEAD = { ":method": "POST", ":path": "/a.b.C/Do", "content-type": "application/grpc" };

test("MessageReader gives whole messages however the bytes are cut", () => {
  const messages = [
    new Uint8Array(0),
    Uint8Array.of(1),
    new Uint8Array(300).fill(7),
    new Uint8Array(0),
    Uint8Array.of(9, 9),
  ];
  const stream = Buffer.concat(messages.map(frame));
  for (let step = 1; step <= stream.length; step++) {
    const reader = new MessageReader();
    const got: Buffer[] = [];
    for (let at = 0; at < stream.length; at += step) {
      reader.push(stream.subarray(at, at + step), (message) => got.push(Buffer.from(message)));
    }
    assert.deepEqual(
      got,
      messages.map((one) => Buffer.from(one)),
    );
    assert.ok(reader.complete);
  }
});

test("MessageReader keeps no buffer for the sake of a few bytes of it", () => {
  const message = Uint8Array.from({ length: 300_000 }, (_, i) => i * 7);
  const stream = frame(message);
  const reader = new MessageReader();
  let got: Uint8Array | undefined;
  for (let at = 0, i = 0; at < stream.length; i++) {
    const size = i < 70_000 ? 1 : i % 2 === 0 ? 5000 : 100;
    const chunk = stream.slice(at, at + size);
    reader.push(chunk, (whole) => {
      got = whole;
    });
    // a buffer that is used again: what was small is no longer looked at
    if (size < 4096) chunk.fill(0);
    at += size;
  }
  assert.deepEqual(got, message);
});

test("MessageReader refuses compressed and large messages, and knows of a cut one", () => {
  const take = () => assert.fail("no message");
  assert.throws(() => new MessageReader().push(Uint8Array.of(1, 0, 0, 0, 0), take), { code: "Internal" });
  assert.throws(() => new MessageReader().push(Uint8Array.of(7, 0, 0, 0, 0), take), { code: "Internal" });
  const packed: [number, boolean][] = [];
  new MessageReader(10, true).push(Uint8Array.of(1, 0, 0, 0, 1, 4, 0, 0, 0, 0, 1, 5), ([byte], compressed) => {
    packed.push([byte!, compressed]);
  });
  assert.deepEqual(packed, [
    [4, true],
    [5, false],
  ]);
  assert.throws(() => new MessageReader(10).push(Uint8Array.of(0, 0, 0, 0, 11), take), { code: "ResourceExhausted" });
  assert.throws(() => new MessageReader().push(Uint8Array.of(0, 255, 255, 255, 255), take), {
    code: "ResourceExhausted",
  });
  const reader = new MessageReader();
  reader.push(Uint8Array.of(0, 0, 0, 0, 2, 1), take);
  assert.equal(reader.complete, false);
});

test("base64 goes both ways, with and without padding", () => {
  for (let length = 0; length < 20; length++) {
    const bytes = Uint8Array.from({ length }, (_, i) => (i * 83 + length) & 255);
    const text = encodeBase64(bytes);
    assert.equal(text, Buffer.from(bytes).toString("base64").replaceAll("=", ""));
    assert.equal(paddedBase64(bytes), Buffer.from(bytes).toString("base64"));
    assert.deepEqual(decodeBase64(text), bytes);
    assert.deepEqual(decodeBase64(Buffer.from(bytes).toString("base64")), bytes);
  }
  assert.throws(() => decodeBase64("a_b"), { code: "InvalidArgument" });
});

test("parseHead() takes gRPC calls, and knows what is none", () => {
  const head = parseHead({ ...HEAD, "grpc-timeout": "100m", "content-type": "application/grpc+proto" });
  assert.deepEqual("status" in head ? head : [head.method, head.timeoutMs], ["a.b.C/Do", 100]);
  // gRPC-core names a unix socket like this; nobody looks at it.
  assert.ok("method" in parseHead({ ...HEAD, ":authority": "%2Frun%2Fx.sock" }));
  assert.deepEqual(parseHead({ ...HEAD, ":method": "GET" }), { status: 405 });
  assert.deepEqual(parseHead({ ...HEAD, "content-type": "application/json" }), { status: 415 });
  assert.deepEqual(parseHead({ ...HEAD, "content-type": "application/grpc-web" }), { status: 415 });
  assert.throws(() => parseHead({ ...HEAD, ":path": "/x" }), { code: "Unimplemented" });
});

test("timeouts are read in every unit and written rounded up", () => {
  for (const [text, ms] of [
    ["1H", 3_600_000],
    ["2M", 120_000],
    ["3S", 3000],
    ["4m", 4],
    ["5000u", 5],
    ["6000000n", 6],
    ["99999999H", 359_999_996_400_000],
  ] as const) {
    assert.equal(parseTimeout(text), ms);
  }
  for (const bad of ["", "1", "S", "1s", "-1S", "123456789S", "1.5S"]) {
    assert.throws(() => parseTimeout(bad), { code: "InvalidArgument" });
  }
  assert.equal(formatTimeout(0.2), "1m");
  assert.equal(formatTimeout(1500.1), "1501m");
  assert.equal(parseTimeout(formatTimeout(1e12)), 99_999_999_000);
});

test("metadata() gives the first value, and the text of binary ones", () => {
  assert.equal(metadata({ a: ["1", "2"] }, "a"), "1");
  assert.equal(metadata({ "a-bin": encodeBase64(Buffer.from("ü")) }, "a-bin"), "ü");
  assert.equal(metadata({}, "a"), undefined);
});

test("errors become trailers and errors again", () => {
  const error = new WharfError("NotFound", 'image "ü%\n" not found', { subject: "x", cause: new Error("below") });
  const trailers = errorTrailers(error, false);
  assert.equal(trailers["grpc-status"], "5");
  assert.match(trailers["grpc-message"]!, /^[ -~]+$/);
  const plain = errorOfTrailers(trailers)!;
  assert.deepEqual(
    [plain.code, plain.message, plain.subject],
    ["NotFound", 'image "ü%\n" not found: below', undefined],
  );
  const whole = errorOfTrailers(errorTrailers(error, true))!;
  assert.deepEqual([whole.message, whole.subject], [error.message, "x"]);
  assert.equal((whole.cause as Error).message, "below");
  assert.equal(errorTrailers(new Error("boom"), false)["grpc-status"], "2");
  assert.equal(errorOfTrailers({ "grpc-status": "0" }), undefined);
  assert.equal(errorOfTrailers({})!.code, "Unknown");
});

test("containerd's ending of a message, the code's name, is dropped", () => {
  const of = (status: string, message: string) =>
    errorOfTrailers({ "grpc-status": status, "grpc-message": message })!.message;
  assert.equal(of("5", 'image "x": not found'), 'image "x"');
  assert.equal(of("9", "busy: failed precondition"), "busy");
  assert.equal(of("5", ""), "not found");
});

test("details of a status are errors told with it, as containerd's errgrpc has them", () => {
  const of = (status: Parameters<typeof encode<Status>>[1], other = {}) =>
    errorOfTrailers({
      ...{ "grpc-status": "5", "grpc-message": "m", "grpc-status-details-bin": encodeBase64(encode(Status, status)) },
      ...other,
    })!;
  const below = {
    typeUrl: "type.googleapis.com/google.rpc.Status",
    value: encode(Status, { code: 7, message: "denied" }),
  };
  const error = of({ code: 5, message: "m: not found", details: [below, { typeUrl: "a.B", value: Uint8Array.of(1) }] });
  assert.deepEqual([error.code, error.message], ["NotFound", "m; denied"]);
  assert.deepEqual(
    error.also.map(({ code, message }) => [code, message]),
    [["PermissionDenied", "denied"]],
  );
  assert.equal(of({ code: 5, message: "m: denied", details: [below] }).message, "m: denied", "told already");
  // One that Go's typeurl knows is packed once more.
  const said = { status: "500 Internal Server Error", requestURL: "https://r/v2/x", requestMethod: "GET" };
  const typed = {
    typeUrl: "github.com/containerd/containerd/v2/core/remotes/errors/ErrUnexpectedStatus",
    value: encodeUtf8(JSON.stringify(said)),
  };
  const packed = { typeUrl: "type.googleapis.com/google.protobuf.Any", value: encode(Any, typed) };
  assert.equal(
    of({ code: 2, message: "pull", details: [packed] }).message,
    "pull; unexpected status from GET request to https://r/v2/x: 500 Internal Server Error",
  );
});

test("details that cannot be read leave the error as the other trailers tell it", () => {
  const of = (details: string) =>
    errorOfTrailers({ "grpc-status": "5", "grpc-message": "m", "grpc-status-details-bin": details })!;
  const error = of(encodeBase64(Uint8Array.of(0xff)));
  assert.deepEqual([error.code, error.message], ["NotFound", "m"]);
  const broken = [
    { typeUrl: "type.googleapis.com/google.rpc.Status", value: Uint8Array.of(0xff) },
    {
      typeUrl: "github.com/containerd/containerd/v2/core/remotes/errors/ErrUnexpectedStatus",
      value: encodeUtf8("{"),
    },
  ];
  const inside = of(encodeBase64(encode(Status, { code: 7, message: "denied", details: broken })));
  assert.deepEqual([inside.code, inside.message, inside.also.length], ["PermissionDenied", "denied", 0]);
});

test("what was told with an error is sent as details, beside all that our own clients get", () => {
  const also = [new WharfError("Unknown", "DENIED: no"), new WharfError("NotFound", "UNKNOWN: gone")];
  const error = new WharfError("Unknown", "pull", {
    cause: new WharfError("PermissionDenied", "r answered 403", { also }),
  });
  const trailers = errorTrailers(error, false);
  const { code, message, details } = decode(Status, decodeBase64(trailers["grpc-status-details-bin"]!));
  assert.deepEqual([code, message], [2, "pull: r answered 403"]);
  assert.deepEqual(
    details.map(({ typeUrl, value }) => [typeUrl, decode(Status, value).code, decode(Status, value).message]),
    [
      ["type.googleapis.com/google.rpc.Status", 2, "DENIED: no"],
      ["type.googleapis.com/google.rpc.Status", 5, "UNKNOWN: gone"],
    ],
  );
  const whole = errorOfTrailers(errorTrailers(error, true))!;
  assert.deepEqual(
    (whole.cause as WharfError).also.map(({ code: one }) => one),
    ["Unknown", "NotFound"],
  );
  assert.ok(!("grpc-status-details-bin" in errorTrailers(new WharfError("NotFound", "x"), false)));
  const much = [new WharfError("Unknown", "x".repeat(9000))];
  assert.ok(!("grpc-status-details-bin" in errorTrailers(new WharfError("Unknown", "x", { also: much }), false)));
});

test("text that is no proper escape is taken as it is", () => {
  assert.equal(decodeText("100% %zz %41"), "100% %zz A");
  assert.equal(encodeText("a%b"), "a%25b");
});
