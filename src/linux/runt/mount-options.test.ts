// The words of mounts[].options.

import { MOUNT_ATTR, MS } from "../sys/mount.ts";
import { equal, test, throws } from "../testing.ts";
import { attributesOf, attributesOfStatfs, parseMountOptions } from "./mount-options.ts";

test("parseMountOptions() tells flags, propagation, recursive attributes and the file system's own words apart", () => {
  const options = parseMountOptions(["nosuid", "ro", "rslave", "rro", "size=1m", "mode=755", "tmpcopyup"]);
  equal(options.flags, MS.NOSUID | MS.RDONLY);
  equal(options.propagation, [MS.SLAVE | MS.REC]);
  equal(options.recursive, { set: MOUNT_ATTR.RDONLY, clear: 0 });
  equal([options.data, options.tmpcopyup], ["size=1m,mode=755", true]);
});

test("parseMountOptions() lets the later word win", () => {
  equal(parseMountOptions(["ro", "rw"]).flags, 0);
  equal(parseMountOptions(["ro", "rw"]).cleared, MS.RDONLY);
  equal(parseMountOptions(["rw", "ro"]).cleared, 0);
  equal(parseMountOptions(["rro", "rrw"]).recursive, { set: 0, clear: MOUNT_ATTR.RDONLY });
});

const ALL = MOUNT_ATTR.RDONLY | MOUNT_ATTR.NOSUID | MOUNT_ATTR.NODEV | MOUNT_ATTR.NOEXEC | MOUNT_ATTR.NOSYMFOLLOW;
const ATIMES = MOUNT_ATTR.ATIME | MOUNT_ATTR.NODIRATIME;

test("attributesOf() leaves a mount as it is without flags, and with some gives it those alone", () => {
  equal(attributesOf(parseMountOptions(["rbind", "rprivate"])), { set: 0, clear: 0 });
  equal(attributesOf(parseMountOptions(["nodev", "suid"])), { set: MOUNT_ATTR.NODEV, clear: ALL & ~MOUNT_ATTR.NODEV });
  equal(attributesOf(parseMountOptions(["dev"])), { set: 0, clear: ALL });
});

test("attributesOf() sets access times as one field", () => {
  equal(attributesOf(parseMountOptions(["noatime"])), { set: MOUNT_ATTR.NOATIME, clear: ALL | ATIMES });
  equal(attributesOf(parseMountOptions(["relatime"])), { set: 0, clear: ALL | ATIMES });
  for (const word of ["atime", "diratime", "norelatime", "nostrictatime"])
    equal(attributesOf(parseMountOptions([word])), { set: 0, clear: ALL });
});

test("attributesOf() keeps what is locked, and refuses to take it away", () => {
  const source = attributesOfStatfs(2 | 4 | 4096);
  equal(source, MOUNT_ATTR.NOSUID | MOUNT_ATTR.NODEV);
  const keeping = attributesOf(parseMountOptions(["ro"]), source);
  equal(keeping, { set: MOUNT_ATTR.RDONLY, clear: MOUNT_ATTR.NOEXEC | MOUNT_ATTR.NOSYMFOLLOW });
  throws(() => attributesOf(parseMountOptions(["suid"]), source), /cannot change what the source is mounted with/);
  throws(() => attributesOf(parseMountOptions(["noatime"]), source), /cannot change the access times/);
});
