import assert from "node:assert/strict";
import { test } from "node:test";
import { parseMount, parseVolume } from "./mounts.ts";

test("parseMount() gives the API's mounts", () => {
  assert.deepEqual(parseMount("type=bind,source=/a,target=/b,readonly"), {
    Type: "bind",
    Source: "/a",
    Target: "/b",
    ReadOnly: true,
  });
  assert.deepEqual(parseMount("dst=/v"), { Type: "volume", Target: "/v" });
  assert.deepEqual(parseMount("type=tmpfs,target=/t,tmpfs-size=1m,tmpfs-mode=1770"), {
    Type: "tmpfs",
    Target: "/t",
    TmpfsOptions: { SizeBytes: 1048576, Mode: 0o1770 },
  });
  assert.deepEqual(
    parseMount('src=v,dst=/v,volume-nocopy,volume-driver=nfs,"volume-opt=o=addr=1.2.3.4,rw",volume-label=a=b'),
    {
      Type: "volume",
      Source: "v",
      Target: "/v",
      VolumeOptions: {
        Labels: { a: "b" },
        DriverConfig: { Name: "nfs", Options: { o: "addr=1.2.3.4,rw" } },
        NoCopy: true,
      },
    },
  );
  assert.deepEqual(parseMount("type=bind,src=/a,dst=/a,bind-recursive=disabled").BindOptions, { NonRecursive: true });
});

test("parseMount() says what is wrong", () => {
  for (const [text, why] of [
    ["type=bind,source=/a", /target is missing/],
    ["type=,target=/a", /type is missing/],
    ["target=/a,foo=1", /unknown key "foo"/],
    ["target=/a,__proto__=1", /unknown key/],
    ["target=/a,source", /is not KEY=VALUE/],
    ["type=bind,target=/a,tmpfs-size=1", /tmpfs-\* options do not go with type=bind/],
    ["type=tmpfs,target=/a,tmpfs-mode=9", /octal/],
    ["type=bind,target=/a,readonly=maybe", /neither true nor false/],
    ["type=bind,src=/a,dst=/a,bind-recursive=writable", /needs readonly/],
    ['"type=bind,target=/a', /not closed/],
  ] as const) {
    assert.throws(() => parseMount(text), why, text);
  }
});

test("parseVolume() tells binds from anonymous volumes", () => {
  const absolute = (path: string) => `/home/${path}`;
  assert.deepEqual(parseVolume("/a:/b:ro", absolute), { bind: "/a:/b:ro" });
  assert.deepEqual(parseVolume("name:/b", absolute), { bind: "name:/b" });
  assert.deepEqual(parseVolume("./x:/b", absolute), { bind: "/home/./x:/b" });
  assert.deepEqual(parseVolume("/b", absolute), { anonymous: "/b" });
  for (const bad of ["", ":", "a:b", "/a:", ":/b", "/a:/b:ro:x", "rel"])
    assert.throws(() => parseVolume(bad, absolute), bad);
});
