/**
 * `busybox:latest` without a registry: an image made of the host's static busybox.
 */

import { execFile } from "node:child_process";
import { readFile, stat } from "node:fs/promises";
import { promisify } from "node:util";
import { WharfError } from "../../common/errors.ts";
import type { Containerd } from "../containerd/api.ts";
import { hostPlatform } from "../transfer/platform.ts";
import { makeImage } from "./make.ts";
import { type TarEntry, writeTar } from "./tar.ts";

export const BUSYBOX = "docker.io/library/busybox:latest";
const PROGRAM = "/bin/busybox";

const DIRECTORIES: readonly [name: string, mode: number][] = [
  ["bin", 0o755],
  ["dev", 0o755],
  ["etc", 0o755],
  ["home", 0o755],
  ["proc", 0o555],
  ["root", 0o700],
  ["sys", 0o555],
  ["tmp", 0o1777],
  ["usr", 0o755],
  ["usr/bin", 0o755],
  ["usr/sbin", 0o755],
  ["var", 0o755],
  ["var/spool", 0o755],
  ["var/spool/mail", 0o755],
  ["var/www", 0o755],
];

const PASSWD = `root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/bin/false
bin:x:2:2:bin:/bin:/bin/false
sys:x:3:3:sys:/dev:/bin/false
mail:x:8:8:mail:/var/spool/mail:/bin/false
www-data:x:33:33:www-data:/var/www:/bin/false
nobody:x:65534:65534:nobody:/home:/bin/false
`;

const GROUP = `root:x:0:
daemon:x:1:
bin:x:2:
sys:x:3:
tty:x:5:
disk:x:6:
wheel:x:10:root
mail:x:8:
www-data:x:33:
users:x:100:
nobody:x:65534:
`;

/** FailedPrecondition when the host has no static busybox. */
export async function makeBusybox(client: Containerd, program: string = PROGRAM): Promise<void> {
  const binary = await readFile(program).catch((cause: unknown) => {
    throw new WharfError("FailedPrecondition", `there is no ${program} to make busybox:latest of`, {
      operation: "make image",
      subject: BUSYBOX,
      hint: "install busybox-static, then run: wharfd import-busybox",
      cause,
    });
  });
  if (!isStatic(binary)) {
    throw new WharfError(
      "FailedPrecondition",
      `${program} is not statically linked: it would find no libraries in an image`,
      {
        operation: "make image",
        subject: BUSYBOX,
        hint: "install busybox-static in place of busybox, then run: wharfd import-busybox",
      },
    );
  }
  const { stdout } = await promisify(execFile)(program, ["--list"]);
  const applets = stdout.split("\n").filter((name) => /^[\w[.-]+$/.test(name) && name !== "busybox");
  const mtime = Math.floor((await stat(program)).mtimeMs / 1000);
  const tar = writeTar(rootfs(binary, applets), mtime);
  await makeImage(client, {
    name: BUSYBOX,
    platform: hostPlatform(),
    created: new Date(mtime * 1000).toISOString().replace(/\.\d+Z$/, "Z"),
    execution: { Env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"], Cmd: ["sh"] },
    layers: [{ tar, createdBy: `wharf: busybox-static, ${applets.length} applets` }],
  });
}

function* rootfs(binary: Uint8Array, applets: readonly string[]): Generator<TarEntry> {
  for (const [name, mode] of DIRECTORIES) yield { name, type: "directory", mode };
  yield { name: "bin/busybox", type: "file", mode: 0o755, data: binary };
  for (const applet of applets) yield { name: `bin/${applet}`, type: "hardlink", mode: 0o755, target: "bin/busybox" };
  // Where scripts look for it.
  if (applets.includes("env")) yield { name: "usr/bin/env", type: "symlink", mode: 0o777, target: "../../bin/env" };
  yield { name: "etc/passwd", type: "file", mode: 0o644, data: Buffer.from(PASSWD) };
  yield { name: "etc/group", type: "file", mode: 0o644, data: Buffer.from(GROUP) };
  yield { name: "etc/shadow", type: "file", mode: 0o640, data: Buffer.from("root:*:::::::\n") };
}

/** True for an ELF program without interpreter: no program header has the type PT_INTERP. */
export function isStatic(binary: Buffer): boolean {
  if (binary.length < 64 || binary.readUInt32BE(0) !== 0x7f454c46) return false;
  const wide = binary[4] === 2;
  const little = binary[5] === 1;
  const half = (at: number) => (little ? binary.readUInt16LE(at) : binary.readUInt16BE(at));
  const word = (at: number) => (little ? binary.readUInt32LE(at) : binary.readUInt32BE(at));
  const table = word(wide ? 32 : 28);
  const [size, count] = wide ? [half(54), half(56)] : [half(42), half(44)];
  for (let at = 0; at < count; at++) {
    const offset = table + at * size;
    if (offset + 4 > binary.length) return false;
    if (word(offset) === 3) return false;
  }
  return true;
}
