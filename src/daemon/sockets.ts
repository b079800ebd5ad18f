/** Unix sockets that the daemon listens on: made with mode 0660 and, as a rule, the group docker, where there is one. */

import { once } from "node:events";
import { chmodSync, chownSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import type { Server } from "node:net";
import { dirname } from "node:path";
import { WharfError } from "../common/errors.ts";
import { ifMissing } from "./expected.ts";

const GROUP = "docker";

/**
 * Listens on `path`; one that was left by a dead daemon is replaced: the lock on the state directory says that no other one
 * lives. Nobody can connect before mode and group are right.
 */
export async function listen(server: Server, path: string, group = GROUP): Promise<void> {
  if (Buffer.byteLength(path) > 107) {
    throw new WharfError("InvalidArgument", `a socket's path may have 107 bytes: ${path}`, {
      operation: "listen",
      subject: path,
    });
  }
  mkdirSync(dirname(path), { recursive: true, mode: 0o711 });
  rmSync(path, { force: true });
  const before = process.umask(0o117);
  try {
    server.listen(path);
  } finally {
    process.umask(before);
  }
  try {
    await once(server, "listening");
  } catch (cause) {
    throw new WharfError("Unavailable", `cannot listen on ${path}`, { operation: "listen", subject: path, cause });
  }
  chmodSync(path, 0o660);
  const gid = groupId(group);
  if (gid !== undefined) chownSync(path, 0, gid);
  else if (group !== GROUP) {
    server.close();
    throw new WharfError("InvalidArgument", `there is no group ${JSON.stringify(group)}`, {
      operation: "listen",
      subject: path,
      hint: "make it with groupadd, or choose another (--group, containerd-group)",
    });
  }
}

/** Listens on an address of tcp. Connections whose other end has vanished are found out after a while. */
export async function listenTcp(server: Server, host: string, port: number): Promise<void> {
  server.listen(port, host);
  try {
    await once(server, "listening");
  } catch (cause) {
    const where = `tcp://${host}:${port}`;
    throw new WharfError("Unavailable", `cannot listen on ${where}`, { operation: "listen", subject: where, cause });
  }
}

function groupId(name: string): number | undefined {
  if (/^\d+$/.test(name)) return Number(name);
  try {
    const line = readFileSync("/etc/group", "utf8")
      .split("\n")
      .find((one) => one.startsWith(`${name}:`));
    const gid = Number(line?.split(":")[2]);
    return Number.isInteger(gid) && line ? gid : undefined;
  } catch (error) {
    return ifMissing(undefined)(error);
  }
}
