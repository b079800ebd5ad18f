import { mkdirs, readText, rmdir, unlinkIfThere, writeFile } from "../sys/fs.ts";
import { environment, getpid } from "../sys/process.ts";
import { equal, test, throws } from "../testing.ts";
import { takeIdMaps, withMappedLowers } from "./idmapped.ts";

test("takeIdMaps() takes both maps out of a mount's options, and not half of them", () => {
  const { maps, options } = takeIdMaps(["uidmap=0:1000:1,1:2000:9", "lowerdir=/a", "gidmap=0:5:10"]);
  equal(options, ["lowerdir=/a"]);
  equal(maps, {
    uid: [
      { containerID: 0, hostID: 1000, size: 1 },
      { containerID: 1, hostID: 2000, size: 9 },
    ],
    gid: [{ containerID: 0, hostID: 5, size: 10 }],
  });
  equal(takeIdMaps(["ro"]), { maps: undefined, options: ["ro"] });
  throws(() => takeIdMaps(["uidmap=0:1000:1"]), /bad mount option gidmap=/);
  throws(() => takeIdMaps(["uidmap=0:1000", "gidmap=0:5:10"]), /bad mount option uidmap=0:1000/);
});

test("withMappedLowers() lets nobody write into a layer, and leaves nothing mounted", () => {
  const folder = `${environment().get("TMPDIR") ?? "/tmp"}/idmapped-${getpid()}`;
  const layer = `${folder}/layer`;
  mkdirs(layer);
  writeFile(`${layer}/file`, "kept");
  const { maps } = takeIdMaps(["uidmap=0:0:1", "gidmap=0:0:1"]);
  let seen = "";
  withMappedLowers([`lowerdir=${layer}`, "ro"], `${folder}/rootfs`, maps!, ([lower]) => {
    seen = lower!.replace("lowerdir=", "");
    equal(readText(`${seen}/file`), "kept");
    throws(() => writeFile(`${seen}/file`, "changed"), /EROFS/);
    throws(() => unlinkIfThere(`${seen}/file`), /EROFS/);
  });
  equal(seen, `${folder}/rootfs.lower/0`);
  unlinkIfThere(`${layer}/file`);
  // what is still mounted, or in the way, lets none of them go
  for (const path of [layer, folder]) rmdir(path);
});
