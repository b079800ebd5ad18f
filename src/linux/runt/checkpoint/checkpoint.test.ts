// What criu says and is told, as far as that needs no criu.
import { Options, Request, RequestType } from "../../../common/gen/criu/rpc.ts";
import { decode, encode } from "../../../common/protobuf/codec.ts";
import { equal, test, throws } from "../../testing.ts";
import { dumpedMounts, restoredMounts } from "./external.ts";
import { criuFailure, errorsOf } from "./log.ts";
import { commonOptions } from "./options.ts";

test("errorsOf() takes what says why out of criu's log, once each", () => {
  const log = `(00.082727) Will take cgroup namespace in the image
Error (criu/util.c:642): execvp("iptables-restore", ...) failed: No such file or directory
(00.104875) Error (criu/util.c:657): exited, status=1
(00.223271)      1: Error (criu/files-reg.c:12): Can't lookup mount=26 for fd=0 path=/dev/null
(00.223272) pie: 7: Error (criu/pie/restorer.c:1): Can't restore
(00.223371)      1: Error (criu/files-reg.c:12): Can't lookup mount=26 for fd=0 path=/dev/null
(00.224644) Error (criu/cr-dump.c:1975): Dumping FAILED.`;
  equal(errorsOf(log), [
    'execvp("iptables-restore", ...) failed: No such file or directory',
    "Can't lookup mount=26 for fd=0 path=/dev/null",
    "Can't restore",
  ]);
});

test("criuFailure() without a log says what criu answered", () => {
  const error = criuFailure("dump the container", "/nowhere/dump.log", "no room");
  equal([error.message, error.hint], ["criu cannot dump the container: no room", "see /nowhere/dump.log"]);
});

test("zeros that mean something are written: streams by number, modes", () => {
  const opts = {
    ...commonOptions({ criu: "criu", imagePath: "/i", cgroupsMode: "ignore" }),
    inheritFd: [{ key: "pipe:[1]", fd: 0 }],
  };
  const back = decode(Request, encode(Request, { type: RequestType.DUMP, opts })).opts!;
  equal([back.manageCgroupsMode, back.inheritFd[0]?.fd, back.configFile], [0, 0, "/etc/criu/runc.conf"]);
  equal(
    decode(Options, encode(Options, commonOptions({ criu: "criu", imagePath: "/i" }, { "org.criu.config": "" })))
      .configFile,
    undefined,
  );
});

test("commonOptions() refuses what criu cannot do", () => {
  throws(() => commonOptions({ criu: "criu", imagePath: "/i", cgroupsMode: "x" }), /manage-cgroups-mode "x"/);
  throws(() => commonOptions({ criu: "criu", imagePath: "/i", emptyNamespaces: ["uts"] }), /"uts" is not supported/);
});

test("mounts from outside have the same name in both directions", () => {
  const outside = [{ place: "/conf", source: "/host/conf" }];
  equal(dumpedMounts(outside, ["/proc/kcore"]), [
    { key: "/conf", val: "/conf" },
    { key: "/proc/kcore", val: "/dev/null" },
  ]);
  equal(restoredMounts(outside, true), [
    { key: "/conf", val: "/host/conf" },
    { key: "/dev/null", val: "/dev/null" },
  ]);
});
