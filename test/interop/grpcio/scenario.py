# gRPC-core, the library under gRPC's Python, on a containerd socket. Messages are written by hand: what is tried is the transport.
import hashlib
import sys
import threading

import grpc

NAMESPACE = (("containerd-namespace", "grpcio"),)


def varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def field(number, value):
    """A field of a message: a number, or bytes, text and messages by their length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, str):
        value = value.encode()
    return varint(number << 3 | 2) + varint(len(value)) + value


def parse(message):
    """Fields by number; of one that comes several times the last."""
    fields, at = {}, 0

    def number():
        nonlocal at
        value, shift = 0, 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(message):
        key = number()
        if key & 7 == 0:
            fields[key >> 3] = number()
        else:
            assert key & 7 == 2, key
            size = number()
            fields[key >> 3] = message[at : at + size]
            at += size
    return fields


class Daemon:
    def __init__(self, socket):
        self.channel = grpc.insecure_channel("unix:" + socket)

    def unary(self, method):
        return self.channel.unary_unary("/containerd.services." + method)

    def stream(self, method):
        return self.channel.unary_stream("/containerd.services." + method)

    def both(self, method):
        return self.channel.stream_stream("/containerd.services." + method)


def fails(code, call):
    try:
        call()
    except grpc.RpcError as error:
        assert error.code() == code, (error.code(), error.details())
        return error
    raise AssertionError("no error, expected %s" % code)


def namespace(name):
    return field(1, field(1, name))


def unary(daemon):
    version = parse(daemon.unary("version.v1.Version/Version")(b""))
    assert version[1].startswith(b"v2.1."), version
    daemon.unary("namespaces.v1.Namespaces/Create")(namespace("one"))
    assert parse(parse(daemon.unary("namespaces.v1.Namespaces/Get")(field(1, "one")))[1])[1] == b"one"


def errors(daemon):
    get = daemon.unary("namespaces.v1.Namespaces/Get")
    image = daemon.unary("images.v1.Images/Get")
    error = fails(grpc.StatusCode.NOT_FOUND, lambda: image(field(1, "näht ‰ there"), metadata=NAMESPACE))
    assert "näht ‰ there" in error.details(), error.details()
    fails(grpc.StatusCode.ALREADY_EXISTS, lambda: daemon.unary("namespaces.v1.Namespaces/Create")(namespace("one")))
    fails(grpc.StatusCode.FAILED_PRECONDITION, lambda: daemon.unary("images.v1.Images/List")(b""))
    fails(grpc.StatusCode.UNIMPLEMENTED, lambda: daemon.unary("nothing.v1.Nothing/Get")(b""))
    fails(grpc.StatusCode.INVALID_ARGUMENT, lambda: get(b"\x0a\xff"))


def streams(daemon):
    blob = bytes(range(256)) * 20_000
    digest = "sha256:" + hashlib.sha256(blob).hexdigest()
    piece = 1 << 20

    def writes():
        # Action WRITE, then COMMIT, with offsets.
        for offset in range(0, len(blob), piece):
            yield field(1, 1) + field(2, "ref") + field(5, offset) + field(6, blob[offset : offset + piece])
        labels = field(1, "containerd.io/gc.root") + field(2, "1")
        yield field(1, 2) + field(2, "ref") + field(4, digest) + field(5, len(blob)) + field(7, labels)

    answers = list(daemon.both("content.v1.Content/Write")(writes(), metadata=NAMESPACE))
    assert parse(answers[-1])[4] == len(blob), parse(answers[-1])
    read = daemon.stream("content.v1.Content/Read")(field(1, digest), metadata=NAMESPACE)
    assert b"".join(parse(one).get(2, b"") for one in read) == blob
    # One that nobody reads to its end.
    read = daemon.stream("content.v1.Content/Read")(field(1, digest), metadata=NAMESPACE)
    next(read)
    read.cancel()
    daemon.unary("content.v1.Content/Delete")(field(1, digest), metadata=NAMESPACE)


def cancels(daemon):
    events = daemon.stream("events.v1.Events/Subscribe")(b"")
    seen = threading.Event()
    ended = []

    def listen():
        try:
            for _ in events:
                seen.set()
        except grpc.RpcError as error:
            ended.append(error.code())

    listener = threading.Thread(target=listen)
    listener.start()
    create = daemon.unary("namespaces.v1.Namespaces/Create")
    for number in range(1000):
        create(namespace("event%d" % number))
        if seen.wait(0.05):
            break
    assert seen.is_set()
    events.cancel()
    listener.join(60)
    assert ended == [grpc.StatusCode.CANCELLED], ended


def deadlines(daemon):
    subscribe = daemon.stream("events.v1.Events/Subscribe")
    fails(grpc.StatusCode.DEADLINE_EXCEEDED, lambda: list(subscribe(field(1, 'topic=="/never"'), timeout=0.2)))


def metadata(daemon):
    version = daemon.unary("version.v1.Version/Version")
    version(b"", metadata=(("x-long", "x" * 12_000), ("x-bin", bytes(range(256)))))
    # The connection is given up: what reads no headers of that size cannot go on with what follows them.
    version(b"", metadata=(("x-long", "x" * 1_000_000),))
    fails(grpc.StatusCode.UNAVAILABLE, lambda: version(b"", metadata=(("x-long", "x" * 1_100_000),)))
    version(b"", wait_for_ready=True)


def compressed(daemon):
    call = daemon.unary("namespaces.v1.Namespaces/Get")
    long = field(1, "one" + " " * 5000)
    assert parse(parse(call(long, compression=grpc.Compression.Gzip))[1])[1] == b"one" + b" " * 5000
    fails(grpc.StatusCode.UNIMPLEMENTED, lambda: call(long, compression=grpc.Compression.Deflate))


def many(daemon):
    version = daemon.unary("version.v1.Version/Version")
    for call in [version.future(b"", timeout=60) for _ in range(500)]:
        assert parse(call.result())[1]


def health(daemon):
    check = daemon.channel.unary_unary("/grpc.health.v1.Health/Check")
    assert parse(check(b""))[1] == 1


daemon = Daemon(sys.argv[1])
for step in (unary, errors, streams, cancels, deadlines, metadata, compressed, many, health):
    try:
        step(daemon)
    except Exception as error:
        raise SystemExit("%s: %r" % (step.__name__, error))
print("done")
