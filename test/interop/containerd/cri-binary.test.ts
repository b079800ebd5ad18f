// runt as the BinaryName that a real containerd's configuration has for a handler of its CRI: a pod as kubelet makes it.
import { test } from "node:test";
import { ROOT } from "../../../tools/lib/native.ts";
import { checker, runScript } from "./steps.ts";

test("containerd's CRI with BinaryName = runt", async (t) => {
  const check = checker(t, runScript(t, "cri-binary.sh", ROOT, 500_000));
  await check("pod", 0, /^[0-9a-f]{64}\n$/);
  await check("create", 0, /^[0-9a-f]{64}\n$/);
  await check("start", 0, /^0\n$/);
  await check("exec", 0, /^0\nerr\nexit 5\n$/);
  await check("missing", 1, /"nosuch": executable file not found in \$PATH/);
  await check("stop", 0, /^0\n$/);
  await check("remove", 0, /^0\n$/);
  await check("calls", 0, /^create delete exec kill start\n$/);
});
