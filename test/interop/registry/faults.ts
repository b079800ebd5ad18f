// The registry client through a proxy that drops, stalls, truncates and lies: for whoever moves the layers.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { isCode, WharfError } from "../../../src/common/errors.ts";
import { OCI } from "../../../src/common/oci/media-types.ts";
import type { FileMover } from "../../../src/daemon/registry/http.ts";
import { until } from "../../support/until.ts";
import { type Fault, type FaultyProxy, startFaultyProxy } from "./faulty.ts";
import { NOTHING, openStore, type Store } from "./store.ts";
import {
  type BuiltImage,
  buildImage,
  type Directory,
  type RegistryProcess,
  scratch,
  sha256,
  skopeoPush,
  startRegistry,
} from "./support.ts";

export type Mover = FileMover & AsyncDisposable;

/** @param startMover starts what moves the layers; without it the daemon reads and writes them itself */
export function faultsSuite(startMover?: () => Promise<Mover>): void {
  let mover: Mover | undefined;
  let directory: Directory;
  let server: RegistryProcess;
  let image: BuiltImage;
  let small: string;
  let big: string;
  /** Bytes of the larger layer. */
  const SIZE = 3 << 20;

  before(async () => {
    mover = await startMover?.();
    directory = await scratch();
    server = await startRegistry();
    image = await buildImage(directory.path, [{ files: { "a/b": "hello" } }, { files: { big: randomBytes(SIZE) } }]);
    await skopeoPush(image, `${server.host}/app:v1`);
    [small, big] = image.manifest.layers.map((one) => one.digest) as [string, string];
  });

  after(async () => {
    await mover?.[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
    await directory[Symbol.asyncDispose]();
  });

  interface Scene {
    proxy: FaultyProxy;
    store: Store;
    name: string;
  }

  async function scene(faults: Fault[], play: (scene: Scene) => Promise<void>): Promise<void> {
    await using proxy = await startFaultyProxy(server.port);
    // where nothing stands still nothing is given up: a busy machine is slow, too
    const still = faults.some(({ stallAfter }) => stallAfter !== undefined);
    const stall = still ? 400 : 60_000;
    const agent = mover && { agent: mover };
    await using store = await openStore({ timeouts: { connect: 60_000, response: 60_000, stall }, ...agent });
    proxy.faults.push(...faults);
    await play({ proxy, store, name: `${proxy.host}/app:v1` });
  }

  const LAYER = /^GET .*\/blobs\//;
  const blob = (digest: string): RegExp => new RegExp(`^GET .*/blobs/${digest}`);

  /** The fault is survived: the image is there, whole, and nothing besides. */
  async function survives({ store, name }: Scene): Promise<void> {
    const pulled = await store.pull(name);
    assert.equal(pulled.target.digest, image.manifestDescriptor.digest);
    const held = await store.holdings();
    assert.deepEqual(held.images, [name]);
    assert.equal(held.snapshots.filter((one) => one.startsWith("committed ")).length, 2);
    assert.equal(held.snapshots.length, 2);
    assert.equal(held.content.length, 4);
    assert.deepEqual(held.ingests, []);
    assert.deepEqual(held.leases, []);
  }

  /** The fault is reported, and leaves nothing but the named ingests. */
  async function fails(
    { store, name }: Scene,
    wanted: { code: string; message: RegExp; hint?: RegExp },
    ingests: string[] = [],
  ): Promise<WharfError> {
    try {
      await store.pull(name);
    } catch (error) {
      assert.ok(error instanceof WharfError, String(error));
      assert.deepEqual({ code: error.code, message: error.message }, { code: wanted.code, message: error.message });
      assert.match(error.message, wanted.message);
      if (wanted.hint) assert.match(error.hint ?? "", wanted.hint);
      assert.equal(error.operation, "pull image");
      assert.equal(error.subject, name);
      const held = await store.holdings();
      assert.deepEqual({ ...held, ingests: [] }, NOTHING);
      for (const ref of ingests) assert.ok(held.ingests.includes(ref));
      // A layer that was on its way when another failed may have begun.
      for (const ref of held.ingests) {
        assert.match(ref, /^layer-/);
        assert.ok((await store.client.content.status(ref)).offset > 0);
      }
      return error;
    }
    return assert.fail("the pull did not fail");
  }

  const survived: Record<string, Fault[]> = {
    "a connection that breaks in the middle of a layer": [{ match: LAYER, dropAfter: 1 << 20, times: 2 }],
    "connections that break again and again, each a little later": [{ match: LAYER, dropAfter: 300_000, times: 8 }],
    "a connection closed without an answer": [{ match: /GET/, reset: true, times: 3 }],
    "a body shorter than its Content-Length": [{ match: LAYER, dropAfter: 10, times: 2 }],
    "an error in chunks": [
      { match: LAYER, status: 503, headers: { "transfer-encoding": "chunked" }, body: "busy", times: 2 },
    ],
    "500": [{ match: /GET/, status: 500, times: 2 }],
    "502 with a page of HTML": [{ match: LAYER, status: 502, body: "<html>bad gateway</html>", times: 2 }],
    "503 with Retry-After as a date": [
      {
        match: /manifests/,
        status: 503,
        headers: { "retry-after": new Date(Date.now() - 1000).toUTCString() },
        times: 1,
      },
    ],
    "429 with Retry-After: 0": [{ match: /GET/, status: 429, headers: { "retry-after": "0" }, times: 3 }],
    "a layer that comes slowly": [{ match: LAYER, slow: 5 }],
    "a body that stands still, once": [{ match: LAYER, stallAfter: 2 << 20, times: 1 }],
    "a server without ranges after a break": [
      { match: LAYER, dropAfter: 1 << 20, times: 1 },
      { match: LAYER, ignoreRange: true },
    ],
    "no Content-Length": [{ match: LAYER, rewrite: { "content-length": undefined } }],
    "no Docker-Content-Digest": [{ match: /manifests/, rewrite: { "docker-content-digest": undefined } }],
  };

  for (const [title, faults] of Object.entries(survived)) {
    test(`pull survives ${title}`, async () => {
      await scene(
        faults.map((fault) => ({ ...fault })),
        survives,
      );
    });
  }

  test("pull fetches nothing twice after a break: it asks for the rest", async () => {
    await scene([{ match: blob(big), dropAfter: 1 << 20, times: 1 }], async (now) => {
      await survives(now);
      const ranges = now.proxy.seen.filter((one) => one.url.includes(big)).map((one) => one.headers.range);
      assert.equal(ranges.length, 2);
      assert.equal(ranges[0], undefined);
      assert.equal(Number(/^bytes=(\d+)-$/.exec(ranges[1] ?? "")?.[1]) >= 500_000, true);
      assert.ok(now.store.events.some((event) => event.kind === "layer" && event.status === "retrying"));
    });
  });

  test("pull fetches a layer anew whose bytes are wrong, and unpacks the right ones", async () => {
    await scene([{ match: blob(big), corruptAt: 1_500_000, times: 1 }], async (now) => {
      await survives(now);
      assert.equal(now.proxy.count(blob(big)), 2);
    });
  });

  test("pull waits as long as Retry-After says, and says so", async () => {
    await scene([{ match: blob(small), status: 429, headers: { "retry-after": "1" }, times: 1 }], async (now) => {
      const start = performance.now();
      await survives(now);
      assert.ok(performance.now() - start >= 1000);
      const waiting = now.store.events.find((event) => event.kind === "layer" && event.status === "retrying");
      assert.ok(waiting?.kind === "layer" && waiting.retryIn! >= 1000);
    });
  });

  test("pull gives up when Retry-After asks for too much", async () => {
    await scene([{ match: /manifests/, status: 429, headers: { "retry-after": "3600" } }], async (now) => {
      await fails(now, { code: "ResourceExhausted", message: /asks to wait 3600 s/, hint: /try again in 60 min/ });
      assert.equal(now.proxy.seen.length, 1);
    });
  });

  const failing: Record<string, [Fault[], { code: string; message: RegExp; hint?: RegExp }]> = {
    "wrong content each time": [
      [{ match: LAYER, corruptAt: 50 }],
      {
        code: "DataLoss",
        message: /digest (?:mismatch: )?.*expected (?:digest )?sha256:[0-9a-f]{64}, got sha256:[0-9a-f]{64}/,
      },
    ],
    "a layer that is longer than its descriptor says": [
      [{ match: /blobs\//, append: "more" }],
      { code: "DataLoss", message: /size mismatch: expected \d+ bytes, localhost:\d+ announces \d+/ },
    ],
    "a truncated layer that looks whole": [
      [{ match: LAYER, truncateTo: 100 }],
      { code: "DataLoss", message: /size mismatch: expected \d+ bytes, localhost:\d+ announces 100/ },
    ],
    "a Content-Length that lies": [
      [{ match: LAYER, claimLength: 5 }],
      { code: "DataLoss", message: /size mismatch: expected \d+ bytes, localhost:\d+ announces 5/ },
    ],
    "a manifest that is not what its digest header says": [
      [{ match: /manifests/, rewrite: { "docker-content-digest": `sha256:${"0".repeat(64)}` } }],
      { code: "DataLoss", message: /digest mismatch: expected sha256:0{64}, got sha256:/ },
    ],
    "a layer that is not there": [
      [
        {
          match: LAYER,
          status: 404,
          body: '{"errors":[{"code":"BLOB_UNKNOWN","message":"blob unknown to registry"}]}',
        },
      ],
      { code: "NotFound", message: /answered 404 \(BLOB_UNKNOWN: blob unknown to registry\)/ },
    ],
    "401 without a challenge": [
      [{ match: /GET/, status: 401 }],
      { code: "Unauthenticated", message: /answered 401/, hint: /log in/ },
    ],
    "403": [[{ match: /GET/, status: 403 }], { code: "PermissionDenied", message: /answered 403/ }],
    "500 for ever": [[{ match: LAYER, status: 500 }], { code: "Unavailable", message: /answered 500/ }],
    "connections closed for ever": [
      [{ match: /GET/, reset: true }],
      { code: "Unavailable", message: /the connection was broken off/ },
    ],
    "a circle of redirects": [
      [{ match: LAYER, status: 307, headers: { location: "/v2/app/blobs/x" } }],
      { code: "FailedPrecondition", message: /redirects in a circle/ },
    ],
    "a redirect to a file": [
      [{ match: LAYER, status: 307, headers: { location: "file:///etc/passwd" } }],
      { code: "FailedPrecondition", message: /redirects to file:/ },
    ],
    "a content encoding that was not asked for": [
      [{ match: LAYER, rewrite: { "content-encoding": "gzip" } }],
      { code: "FailedPrecondition", message: /in the encoding "gzip"/ },
    ],
    "a manifest that is no JSON": [
      [{ match: /manifests/, status: 200, headers: { "content-type": OCI.manifest }, body: "<html>" }],
      { code: "InvalidArgument", message: /it is not JSON/ },
    ],
    "a schema 1 manifest": [
      [
        {
          match: /manifests/,
          status: 200,
          headers: { "content-type": "application/vnd.docker.distribution.manifest.v1+prettyjws" },
          body: '{"schemaVersion":1}',
        },
      ],
      { code: "Unimplemented", message: /schema 1/, hint: /push the image again/ },
    ],
    "a manifest without end": [
      [{ match: /manifests/, status: 200, headers: { "content-type": OCI.manifest }, body: Buffer.alloc(9 << 20, 32) }],
      { code: "DataLoss", message: /longer than 8388608 bytes/ },
    ],
  };

  for (const [title, [faults, wanted]] of Object.entries(failing)) {
    test(`pull reports ${title}, and leaves nothing`, async () => {
      await scene(
        faults.map((fault) => ({ ...fault })),
        async (now) => void (await fails(now, wanted)),
      );
    });
  }

  test("pull reports a layer that always ends early; the next pull takes up what came", async () => {
    await scene([{ match: blob(big), dropAfter: 40_000 }], async (now) => {
      const error = await fails(now, { code: "DataLoss", message: /sent \d+ of \d+ bytes/, hint: /pull again/ }, [
        `layer-${big}`,
      ]);
      assert.ok(error.cause instanceof WharfError);
      const { offset } = await now.store.client.content.status(`layer-${big}`);
      assert.ok(offset > 0);
      now.proxy.faults.length = 0;
      now.proxy.seen.length = 0;
      await survives(now);
      assert.equal(now.proxy.seen.find((one) => one.url.includes(big))?.headers.range, `bytes=${offset}-`);
    });
  });

  test("what an earlier pull left is thrown away when it was wrong", async () => {
    await scene([], async (now) => {
      const { client } = now.store;
      await using writer = await client.content.writer({ ref: `layer-${big}`, size: image.manifest.layers[1]!.size });
      await writer.write(randomBytes(1 << 20));
      await writer.close();
      await survives(now);
    });
  });

  test("a body that stands still for ever is given up after the stall timeout", async () => {
    await scene([{ match: blob(big), stallAfter: 20 }], async (now) => {
      const wanted = { code: "DeadlineExceeded", message: /sent \d+ of \d+ bytes/ };
      await fails(now, wanted, [`layer-${big}`]);
    });
  });

  test("cancelling ends a pull at once and leaves nothing but the beginnings of layers", async () => {
    // all of a layer would take minutes
    await scene([{ match: LAYER, slow: 1000 }], async ({ proxy, store, name }) => {
      const controller = new AbortController();
      const pulling = store.pull(name, { signal: controller.signal });
      const ended = assert.rejects(pulling, (error) => isCode(error, "Canceled"));
      await until("a layer", () => proxy.count(blob(big)) > 0);
      await sleep(150);
      controller.abort();
      await ended;
      const held = await store.holdings();
      assert.deepEqual({ ...held, ingests: [] }, NOTHING);
    });
  });

  test("an index that lacks the platform is reported with those it has", async () => {
    await using proxy = await startFaultyProxy(server.port);
    await using store = await openStore();
    const manifests = ["arm64", "s390x"].map((architecture) => ({
      ...image.manifestDescriptor,
      platform: { os: "linux", architecture },
    }));
    const body = JSON.stringify({ schemaVersion: 2, mediaType: OCI.index, manifests });
    proxy.faults.push({
      match: /manifests\/v1/,
      status: 200,
      headers: { "content-type": OCI.index, "docker-content-digest": sha256(body) },
      body,
    });
    await assert.rejects(store.pull(`${proxy.host}/app:v1`, { platform: { os: "linux", architecture: "amd64" } }), {
      code: "NotFound",
      message: /not there for linux\/amd64, only for linux\/arm64, linux\/s390x/,
    });
    assert.deepEqual(await store.holdings(), NOTHING);
  });

  test("a config whose diff ids are not the layers' is reported", async () => {
    await using store = await openStore();
    const config = Buffer.from(
      JSON.stringify({
        ...image.config,
        rootfs: { type: "layers", diff_ids: [...image.config.rootfs.diff_ids].reverse() },
      }),
    );
    const manifest = {
      ...image.manifest,
      config: { ...image.manifest.config, digest: sha256(config), size: config.length },
    };
    const body = JSON.stringify(manifest);
    await using proxy = await startFaultyProxy(server.port);
    proxy.faults.push({ match: /manifests\/v1/, status: 200, headers: { "content-type": OCI.manifest }, body });
    proxy.faults.push({
      match: blob(manifest.config.digest),
      status: 200,
      headers: { "content-length": String(config.length) },
      body: config,
    });
    await assert.rejects(store.pull(`${proxy.host}/app:v1`), {
      code: "DataLoss",
      message: /diff id mismatch: the config says sha256:\w+, the layer has sha256:\w+/,
    });
    assert.deepEqual({ ...(await store.holdings()), ingests: [] }, NOTHING);
  });

  test("redirects to another host do not carry the Authorization header; to the same host they do", async () => {
    await using other = await startFaultyProxy(server.port);
    await using proxy = await startFaultyProxy(server.port);
    await using store = await openStore();
    // Challenges once, so that a header is sent from then on.
    proxy.faults.push({
      match: /manifests/,
      status: 401,
      headers: { "www-authenticate": 'Basic realm="x"' },
      times: 1,
    });
    proxy.faults.push({ match: LAYER, redirect: `http://127.0.0.1:${other.port}` });
    await store.pull(`${proxy.host}/app:v1`, { credentials: { username: "user", password: "secret" } });
    assert.ok(
      proxy.seen
        .filter((one) => one.url.includes("/blobs/"))
        .every((one) => one.headers.authorization?.startsWith("Basic ")),
    );
    assert.equal(other.seen.length, 3);
    assert.ok(other.seen.every((one) => one.headers.authorization === undefined));
  });
}
