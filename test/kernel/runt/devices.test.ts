// linux.devices: made, bound, left alone, refused.
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { LinuxDevice, Spec } from "../../../src/common/oci/runtime.ts";
import { Bundle } from "./bundle.ts";

const devices =
  (...list: LinuxDevice[]) =>
  (spec: Spec) =>
    void (spec.linux!.devices = list);

function refusal(change: (spec: Spec, box: Bundle) => void): string {
  using box = new Bundle();
  change(box.spec, box);
  box.write();
  const { status, err } = box.runt("run", box.id);
  assert.equal(status, 1);
  assert.equal(box.status(), undefined);
  return err;
}

test("linux.devices: character, unbuffered, block, FIFO, with mode and owner, also outside of /dev", () => {
  using box = new Bundle(
    devices(
      { path: "/dev/mine", type: "c", major: 1, minor: 5, fileMode: 0o640, uid: 7, gid: 8 },
      { path: "/dev/sub/raw", type: "u", major: 1, minor: 7 },
      { path: "/dev/disk", type: "b", major: 7, minor: 300 },
      { path: "/dev/pipe", type: "p", fileMode: 0o600 },
      { path: "/opt/null", type: "c", major: 1, minor: 3 },
    ),
  );
  const out = box.sh(
    "stat -c '%F %a %u:%g %t,%T' /dev/mine /dev/sub/raw /dev/disk /dev/pipe /opt/null; echo x > /opt/null; echo $?",
  );
  assert.deepEqual(out.trim().split("\n"), [
    "character special file 640 7:8 1,5",
    "character special file 666 0:0 1,7",
    "block special file 666 0:0 7,12c",
    "fifo 600 0:0 0,0",
    "character special file 666 0:0 1,3",
    "0",
  ]);
});

test("linux.devices: in a user namespace the host's device is bound, and only if it is the one asked for", () => {
  const mapped = (spec: Spec, box: Bundle) => {
    const mapping = [{ containerID: 0, hostID: 100000, size: 65536 }];
    spec.linux!.namespaces!.push({ type: "user" });
    Object.assign(spec.linux!, { uidMappings: mapping, gidMappings: mapping });
    chmodSync(box.dir, 0o755);
    for (const folder of ["tmp", "dev"]) chmodSync(join(box.rootfs, folder), 0o777);
  };
  using box = new Bundle(
    devices({ path: "/dev/kmsg", type: "c", major: 1, minor: 11 }, { path: "/dev/pipe", type: "p" }),
  );
  mapped(box.spec, box);
  assert.match(box.sh("stat -c '%F %t,%T' /dev/kmsg /dev/pipe"), /^character special file 1,b\nfifo 0,0\n$/);
  const wrong = refusal((spec, one) => {
    mapped(spec, one);
    devices({ path: "/dev/kmsg", type: "c", major: 1, minor: 1 })(spec);
  });
  assert.match(wrong, /linux\.devices: \/dev\/kmsg of the host is not c 1:1\nhint: /);
});

test("linux.devices: a /dev of the image gets its devices, what is the same there is left, what is not is an error", () => {
  const own = (spec: Spec) => {
    spec.mounts = spec.mounts!.filter(({ destination }) => !destination.startsWith("/dev"));
  };
  using box = new Bundle(own);
  const look = "stat -c '%F %t,%T' /dev/null /dev/tty; readlink /dev/fd";
  assert.equal(box.sh(look), "character special file 1,3\ncharacter special file 5,0\n/proc/self/fd\n");
  assert.equal(box.sh(look).length, 68, "the second time they are there");
  const taken = refusal((spec, one) => {
    own(spec);
    devices({ path: "/dev/mine", type: "c", major: 1, minor: 3 })(spec);
    writeFileSync(join(one.rootfs, "dev/mine"), "an image's file");
  });
  assert.match(taken, /linux\.devices: something else than c 1:3 is at \/dev\/mine\nhint: /);
});

test("linux.devices: with the host's /dev bound none is made, which is said", () => {
  using box = new Bundle(devices({ path: "/dev/mine", type: "c", major: 1, minor: 5 }));
  mkdirSync(join(box.dir, "dev"));
  box.spec.mounts = box.spec.mounts!.filter(({ destination }) => !destination.startsWith("/dev/"));
  Object.assign(box.spec.mounts.find(({ destination }) => destination === "/dev")!, {
    type: "bind",
    source: join(box.dir, "dev"),
    options: ["rbind"],
  });
  box.spec.process!.args = ["ls", "/dev"];
  box.write();
  const { status, out, err } = box.runt("run", box.id);
  assert.deepEqual([status, out], [0, ""]);
  assert.match(err, /linux\.devices: \/dev is a bind mount/);
});

test("linux.devices: missing numbers and unknown types are named", () => {
  assert.match(refusal(devices({ path: "/dev/x", type: "c" })), /linux\.devices: "\/dev\/x" needs major and minor/);
  // of 4097 the kernel would take 1, the major number of memory
  for (const [major, minor] of [
    [4097, 1],
    [1, 1 << 20],
    [-1, 1],
  ] as const)
    assert.match(
      refusal(devices({ path: "/dev/x", type: "c", major, minor })),
      new RegExp(`linux\\.devices: "/dev/x": no device is ${major}:${minor}\nhint: major goes to 4095`),
    );
  assert.match(
    refusal(devices({ path: "/dev/x", type: "z" as "c" })),
    /linux\.devices\[0\]\.type: unknown value "z"; there are c, b/,
  );
});
