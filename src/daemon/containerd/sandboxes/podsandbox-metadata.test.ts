import assert from "node:assert/strict";
import { test } from "node:test";
import { documentIn, metadataOf, processLabelOf, readMetadata, writeMetadata } from "./podsandbox-metadata.ts";

const TYPE = "github.com/containerd/cri/pkg/store/sandbox/Metadata";
const any = (json: unknown, typeUrl = TYPE) => ({ typeUrl, value: new TextEncoder().encode(JSON.stringify(json)) });

test("readMetadata() reads what containerd's CRI plugin writes, writeMetadata() writes it again with all it had", () => {
  const Metadata = {
    ...{ ID: "p1", Name: "web_shop_u1_0", NetNSPath: "/run/netns/x", IP: "10.0.0.2", AdditionalIPs: null },
    Config: { metadata: { name: "web" }, hostname: "pod", linux: { security_context: { privileged: true } } },
    ...{ RuntimeHandler: "runc", CNIResult: { Interfaces: { eth0: {} } }, ProcessLabel: "" },
  };
  const read = readMetadata(any({ Version: "v1", Metadata }));
  assert.equal(read.netnsPath, "/run/netns/x");
  assert.deepEqual([read.config.hostname, read.config.linux?.securityContext?.privileged], ["pod", true]);
  const written = writeMetadata(read, "u:r:t:s0");
  assert.equal(written.typeUrl, TYPE);
  const json = JSON.parse(new TextDecoder().decode(written.value));
  assert.deepEqual(json, { Version: "v1", Metadata: { ...Metadata, ProcessLabel: "u:r:t:s0" } });
  const made = writeMetadata(metadataOf("p1", read.config, "/n"), "");
  assert.deepEqual(readMetadata(made).config, read.config);
  assert.equal(documentIn(made).Name, "web___0");
});

test("readMetadata() refuses what is no such document", () => {
  const wrong = (extension: ReturnType<typeof any>, message: RegExp) =>
    assert.throws(() => readMetadata(extension), { code: "InvalidArgument", message });
  wrong(any({}, "x.Y"), /is a "x\.Y", not a github/);
  wrong({ typeUrl: TYPE, value: Uint8Array.of(1) }, /is no JSON/);
  wrong(any(1), /is no JSON object/);
  wrong(any({ Version: "v2", Metadata: {} }), /has the version "v2", known is v1/);
  wrong(any({ Version: "v1" }), /has no Metadata/);
  wrong(any({ Version: "v1", Metadata: { NetNSPath: 1 } }), /NetNSPath that is no text/);
  wrong(any({ Version: "v1", Metadata: { Config: { hostname: 1 } } }), /hostname must be a string/);
  assert.deepEqual(documentIn(any({}, "x.Y")), {});
  assert.deepEqual(documentIn(undefined), {});
});

test("what any client may have written into a container's extension is in nobody's way", () => {
  assert.deepEqual(documentIn({ typeUrl: TYPE, value: Uint8Array.of(1) }), {});
  assert.deepEqual(documentIn(any({ Version: "v2", Metadata: {} })), {});
  const Metadata = { Config: { hostname: 1 }, ProcessLabel: "u:r:t:s0" };
  assert.equal(processLabelOf(any({ Version: "v1", Metadata })), "u:r:t:s0");
});
