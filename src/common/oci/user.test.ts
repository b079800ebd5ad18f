import assert from "node:assert/strict";
import { test } from "node:test";
import { resolveUser } from "./user.ts";

const files = {
  passwd: "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001::/app:/bin/sh\n# comment\nbroken:x\nweb:x:33:33::/:\n",
  group: "root:x:0:\nwheel:x:10:root,app\napp:x:1001:\nextra:x:50:app,web\n",
};

test("resolveUser() takes names, numbers and groups as Docker does", () => {
  assert.deepEqual(resolveUser("", files), { uid: 0, gid: 0, additionalGids: [0, 10] });
  assert.deepEqual(resolveUser("app", files), { uid: 1000, gid: 1001, additionalGids: [1001, 10, 50] });
  assert.deepEqual(resolveUser("1000", files), { uid: 1000, gid: 1001, additionalGids: [1001, 10, 50] });
  assert.deepEqual(resolveUser("app:wheel", files), { uid: 1000, gid: 10, additionalGids: [10] });
  assert.deepEqual(resolveUser("4242", files), { uid: 4242, gid: 0, additionalGids: [0] });
  assert.deepEqual(resolveUser("4242:7", files), { uid: 4242, gid: 7, additionalGids: [7] });
  assert.deepEqual(resolveUser("web", files, ["wheel", "99"]), { uid: 33, gid: 33, additionalGids: [33, 50, 10, 99] });
  assert.deepEqual(resolveUser("", { passwd: "", group: "" }), { uid: 0, gid: 0, additionalGids: [0] });
});

test("resolveUser() refuses unknown names and impossible numbers", () => {
  assert.throws(() => resolveUser("nobody", files), /unable to find user nobody: no matching entries in passwd file/);
  assert.throws(() => resolveUser("0:nogroup", files), /unable to find group nogroup/);
  assert.throws(() => resolveUser("4294967295", files), /out of range/);
});
