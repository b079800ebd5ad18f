// Snapshotters as proxies, both ways: a real containerd uses ours by its [proxy_plugins], we use another program's by configuration.
import { join } from "node:path";
import { test } from "node:test";
import { build } from "../e2e/daemon.ts";
import { checkSteps, type Expected } from "./steps.ts";

const each = (who: string, name: string): Expected => ({
  [`${who}-plugin`]: new RegExp(`snapshotter\\.v1 +${name} .*ok`),
  [`${who}-import`]: /^/,
  [`${who}-mounted`]: /rootfs/,
  [`${who}-seen`]: /busybox\n$/,
  [`${who}-unmount`]: /^/,
  [`${who}-run`]: new RegExp(`^hello from ${name}\n$`),
  [`${who}-list`]: /^1\n$/,
});

const EXPECTED: Expected = {
  ...each("theirs", "wharf"),
  ...each("ours", "other"),
  "ours-again": /^again\n$/,
  kept: /^[1-9]\d*\n$/,
  gone: /^(?![\s\S]*lab\/)/,
  others: /default\/\d+\/sha256:\w{64} +Committed/,
};

build();
test("proxied snapshotters", (t) =>
  checkSteps(t, join(import.meta.dirname, "snapshotter.sh"), "snapshotter", [], EXPECTED));
