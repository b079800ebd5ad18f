// The registry client against the real docker-registry, images pushed by skopeo.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { after, before, test } from "node:test";
import { isCode, type WharfError } from "../../../src/common/errors.ts";
import { parseReference } from "../../../src/common/reference.ts";
import { Registry } from "../../../src/daemon/registry/client.ts";
import {
  type BuiltImage,
  buildImage,
  type Directory,
  memorySink,
  type RegistryProcess,
  scratch,
  skopeoPush,
  startRegistry,
} from "./support.ts";

let directory: Directory;
let server: RegistryProcess;
let image: BuiltImage;
let registry: Registry;

before(async () => {
  directory = await scratch();
  server = await startRegistry();
  image = await buildImage(directory.path, [
    { files: { "a/b": "hello" } },
    { files: { big: randomBytes(3 << 20) }, compression: "zstd" },
  ]);
  await skopeoPush(image, `${server.host}/team/app:v1`);
  registry = new Registry();
});

after(async () => {
  registry[Symbol.dispose]();
  await server[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
});

test("resolve() answers what skopeo pushed, over plain http on the loopback", async () => {
  const repository = registry.repository(parseReference(`${server.host}/team/app:v1`));
  assert.deepEqual(await repository.resolve(), image.manifestDescriptor);
});

test("manifest() answers the exact bytes, by tag and by digest", async () => {
  const byTag = await registry.repository(parseReference(`${server.host}/team/app:v1`)).manifest();
  assert.deepEqual(Buffer.from(byTag.bytes), image.manifestBytes);
  const reference = parseReference(`${server.host}/team/app@${image.manifestDescriptor.digest}`);
  const byDigest = await registry.repository(reference).manifest(image.manifestDescriptor);
  assert.deepEqual(byDigest.descriptor, image.manifestDescriptor);
});

test("blob() fetches every blob, and the rest of one that is half there", async () => {
  const repository = registry.repository(parseReference(`${server.host}/team/app:v1`));
  for (const descriptor of [image.manifest.config, ...image.manifest.layers]) {
    const whole = image.blobs.get(descriptor.digest)!;
    const sink = memorySink();
    await repository.blob(descriptor, sink);
    assert.deepEqual(sink.bytes(), whole);
    const half = memorySink();
    await half.write(whole.subarray(0, whole.length >> 1));
    await repository.blob(descriptor, half);
    assert.deepEqual(half.bytes(), whole);
  }
});

test("an unknown tag, repository and host are clear errors", async () => {
  const failure = async (reference: string): Promise<WharfError> => {
    try {
      await registry.repository(parseReference(reference)).manifest();
    } catch (error) {
      return error as WharfError;
    }
    return assert.fail("it was found");
  };
  const missing = await failure(`${server.host}/team/app:nope`);
  assert.ok(isCode(missing, "NotFound"), String(missing));
  assert.match(missing.message, /answered 404 \(MANIFEST_UNKNOWN: manifest unknown\)/);
  assert.ok(isCode(await failure(`${server.host}/no/such:v1`), "NotFound"));
  const refused = await failure("localhost:1/x:y");
  assert.ok(isCode(refused, "Unavailable"));
  assert.match(refused.message, /localhost:1: nothing listens there/);
  const host = await failure("registry.invalid/x:y");
  assert.ok(isCode(host, "Unavailable"));
  assert.match(host.message, /registry\.invalid: (no such host|the name cannot be looked up)/);
});

/** Takes no connection: its queue is full, and nobody empties it. */
const DEAF = `
  const server = require("node:net").createServer().listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => {
    require("node:fs").writeSync(1, String(server.address().port));
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  });`;

test("a host that takes no connection is given up after its dial_timeout, and not asked again", async () => {
  await using stack = new AsyncDisposableStack();
  const child = stack.adopt(
    spawn(process.execPath, ["-e", DEAF], { stdio: ["ignore", "pipe", "inherit"] }),
    async (process) => {
      process.kill("SIGKILL");
      await once(process, "close");
    },
  );
  const [port] = (await once(child.stdout, "data")) as [Buffer];
  // The kernel takes as many as the queue has room for, and one more.
  for (let i = 0; i < 2; i++)
    await once(
      stack.adopt(connect(Number(port), "127.0.0.1"), (one) => void one.destroy()),
      "connect",
    );
  const host = `127.0.0.1:${port}`;
  const config = { registries: { [host]: { dial_timeout: "300ms" } } };
  const impatient = stack.use(new Registry({ config, retry: { base: 1 } }));
  const repository = impatient.repository(parseReference(`${host}/team/app:v1`));
  const retried: string[] = [];
  await assert.rejects(repository.manifest(undefined, { onRetry: ({ error }) => void retried.push(error.message) }), {
    code: "DeadlineExceeded",
    message: `${host}: no connection for 0.3 s`,
  });
  assert.deepEqual(retried, []);
});

test("tags() lists all", async () => {
  await skopeoPush(image, `${server.host}/team/app:v2`);
  assert.deepEqual((await registry.repository(parseReference(`${server.host}/team/app`)).tags()).sort(), ["v1", "v2"]);
});

test("upload: new, existing and mounted blobs, whole and in chunks; skopeo reads the result", async () => {
  const reference = parseReference(`${server.host}/pushed/app:mine`);
  const uploader = await registry.repository(reference).uploader();
  const [first, second] = image.manifest.layers as [never, never];
  const source = (digest: string) => ({
    read: async function* (offset: number) {
      const bytes = image.blobs.get(digest)!;
      for (let at = offset; at < bytes.length; at += 100_000) yield bytes.subarray(at, at + 100_000);
    },
  });
  const config = image.manifest.config;
  assert.equal(await uploader.blob(config, source(config.digest)), "uploaded");
  assert.equal(await uploader.blob(config, source(config.digest)), "exists");
  assert.equal(
    await uploader.blob(first, source(image.manifest.layers[0]!.digest), { mountFrom: ["team/app"] }),
    "mounted",
  );
  const sent: number[] = [];
  const options = { chunkSize: 1 << 20, onProgress: (bytes: number) => void sent.push(bytes) };
  assert.equal(await uploader.blob(second, source(image.manifest.layers[1]!.digest), options), "uploaded");
  assert.ok(sent.length >= 3);
  assert.equal(sent.at(-1), image.manifest.layers[1]!.size);
  await uploader.manifest(image.manifestDescriptor, image.manifestBytes, "mine");
  assert.deepEqual(await registry.repository(reference).resolve(), image.manifestDescriptor);
});

test("upload: content that is not what its digest says is refused by the registry, and says so", async () => {
  const uploader = await registry.repository(parseReference(`${server.host}/pushed/lie:x`)).uploader();
  const lie = { ...image.manifest.layers[0]!, size: 5, digest: `sha256:${"0".repeat(64)}` as const };
  await assert.rejects(
    uploader.blob(lie, {
      read: async function* () {
        yield Buffer.from("wrong");
      },
    }),
    { message: /DIGEST_INVALID/ },
  );
  await assert.rejects(
    uploader.blob(lie, {
      read: async function* () {
        yield Buffer.from("shrt");
      },
    }),
    { code: "DataLoss", message: /expected to send 5 bytes, there were 4/ },
  );
});

test("headers of one caller's own go over the connections of all", async (t) => {
  const seen: unknown[] = [];
  let connections = 0;
  const web = createServer((request, response) => {
    seen.push(request.headers["x-run"]);
    response.writeHead(404, { "content-length": "0" }).end();
  });
  t.after(() => {
    web.closeAllConnections();
    web.close();
  });
  web.keepAliveTimeout = 60_000;
  web.on("connection", () => connections++);
  await new Promise<void>((resolve) => web.listen(0, "127.0.0.1", resolve));
  const host = `127.0.0.1:${(web.address() as AddressInfo).port}`;
  using other = new Registry({ config: { registries: { [host]: { dial_timeout: "60s" } } } });
  for (const run of ["1", "2", "3"]) {
    const repository = other.repository(parseReference(`${host}/team/app:v1`), undefined, {
      headers: { "x-run": run },
    });
    await assert.rejects(repository.manifest(), { code: "NotFound" });
  }
  assert.deepEqual([seen, connections], [["1", "2", "3"], 1]);
});
