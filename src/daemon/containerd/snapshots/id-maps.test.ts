import assert from "node:assert/strict";
import { test } from "node:test";
import { idMappingOf } from "./id-maps.ts";

const labels = (uid?: string, gid?: string) => ({
  ...(uid === undefined ? {} : { "containerd.io/snapshot/uidmapping": uid }),
  ...(gid === undefined ? {} : { "containerd.io/snapshot/gidmapping": gid }),
});

test("idMappingOf() gives the mounts' options and who root is", () => {
  assert.equal(idMappingOf({ a: "b" }), undefined);
  assert.deepEqual(idMappingOf(labels("1:5:2,0:100000:1", "0:7:10")), {
    options: ["uidmap=1:5:2,0:100000:1", "gidmap=0:7:10"],
    owner: { uid: 100000, gid: 7 },
  });
});

test("idMappingOf() refuses half a mapping, none, ids that are not there, and one without root", () => {
  const wrong = (uid: string | undefined, gid: string | undefined, why: RegExp) =>
    assert.throws(() => idMappingOf(labels(uid, gid)), { code: "InvalidArgument", message: why });
  wrong("0:1:1", undefined, /gidmapping is no mapping/);
  wrong(undefined, "0:1:1", /uidmapping is no mapping/);
  for (const bad of ["", "0:1", "0:1:1,", "0:-1:1", "a:b:c"]) wrong(bad, "0:1:1", /is no mapping/);
  for (const bad of ["0:1:0", "0:4294967295:2", "4294967295:0:2"]) wrong(bad, "0:1:1", /leaves the ids/);
  wrong("1:1:1", "0:1:1", /does not map root/);
});
