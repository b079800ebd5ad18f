// A real containerd's CRI with runt as its own shim's BinaryName, and with our shim in its shim's place: a pod as kubelet makes it.
import { test } from "node:test";
import { ROOT } from "../../../tools/lib/native.ts";
import { checker, runScript } from "./steps.ts";

test("containerd's CRI with runt by BinaryName, and with our shim by its path", async (t) => {
  const check = checker(t, runScript(t, "cri-binary.sh", ROOT, 500_000));
  // what a handler of another type than runc's would not be asked for
  await check("handlers", 0, /^runt 1 1\nshim 1 1\n$/m);
  for (const handler of ["runt", "shim"]) {
    await check(`${handler}-pod`, 0, /^[0-9a-f]{64}\n$/);
    await check(`${handler}-create`, 0, /^[0-9a-f]{64}\n$/);
    await check(`${handler}-start`, 0, /^0\n$/);
    await check(`${handler}-exec`, 0, /^0\nerr\nexit 5\n$/);
    await check(`${handler}-missing`, 1, /"nosuch": executable file not found in \$PATH/);
    await check(`${handler}-stop`, 0, /^0\n$/);
    await check(`${handler}-remove`, 0, /^0\n$/);
  }
  await check("calls", 0, /^create delete exec kill start\n$/);
});
