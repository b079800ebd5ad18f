import assert from "node:assert/strict";
import { test } from "node:test";
import { formatTaskIO } from "./task-io.ts";

test("formatTaskIO() writes a URI that the platform's parser reads back", () => {
  const path = "/var/lib/w h/ä&=?+.log";
  const uri = new URL(
    formatTaskIO({ driver: "json-file", path, maxSize: 10 << 20, maxFile: 3, attach: "/a", stdin: "once" }),
  );
  assert.match(uri.pathname, /\/wharf-logger$/);
  assert.deepEqual(Object.fromEntries(uri.searchParams), {
    driver: "json-file",
    path,
    "max-size": "10485760",
    "max-file": "3",
    attach: "/a",
    stdin: "once",
  });
});

test("formatTaskIO() leaves out what is not given", () => {
  assert.match(formatTaskIO({ driver: "none", stdin: "none" }), /\?driver=none&stdin=none$/);
});
