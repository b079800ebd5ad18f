// The words of mounts[].options.

import { MOUNT_ATTR, MS } from "../sys/mount.ts";
import { equal, test } from "../testing.ts";
import { attributesOf, parseMountOptions } from "./mount-options.ts";

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

test("attributesOf() sets access times as one field", () => {
  equal(attributesOf(parseMountOptions(["noatime"])), { set: MOUNT_ATTR.NOATIME, clear: MOUNT_ATTR.ATIME });
  equal(attributesOf(parseMountOptions(["relatime"])), { set: 0, clear: MOUNT_ATTR.ATIME });
  equal(attributesOf(parseMountOptions(["nodev", "suid"])), { set: MOUNT_ATTR.NODEV, clear: MOUNT_ATTR.NOSUID });
});
