import { equal, test } from "../testing.ts";
import { parseMounts, readMounts } from "./mount-info.ts";

test("parseMounts() reads roots, places and types, with optional fields and escapes", () => {
  const text = [
    "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 shared:2 - ext3 /dev/root rw,errors=continue",
    "37 36 0:5 / /with\\040blank rw - proc proc rw",
    "",
  ].join("\n");
  equal(parseMounts(text), [
    { root: "/mnt1", mountpoint: "/mnt2", type: "ext3" },
    { root: "/", mountpoint: "/with blank", type: "proc" },
  ]);
});

test("readMounts() finds this process's /proc", () => {
  equal(
    readMounts().some(({ mountpoint, type }) => mountpoint === "/proc" && type === "proc"),
    true,
  );
});
