// Idmapped mounts take their mapping from a user namespace: one made for the purpose, or another process's.
import { WharfError } from "../../common/errors.ts";
import type { Linux, LinuxIDMapping, Mount } from "../../common/oci/runtime.ts";
import { close, O, open, pipe, read } from "../sys/fs.ts";
import { CLONE, clone, exit, wait } from "../sys/process.ts";
import { openProcLink, writeProc } from "../sys/procfs.ts";
import { mapText } from "./namespaces.ts";

/** A user namespace with these mappings, as a descriptor. Its only process ends at once. */
export function makeUserNamespace(uid: readonly LinuxIDMapping[], gid: readonly LinuxIDMapping[]): number {
  const [reader, writer] = pipe();
  const { pid, pidfd } = clone(CLONE.NEWUSER);
  if (pid === 0) {
    close(writer);
    read(reader, new Uint8Array(1));
    exit(0);
  }
  try {
    writeProc(`${pid}/uid_map`, mapText(uid));
    writeProc(`${pid}/gid_map`, mapText(gid));
    return openProcLink(`${pid}/ns/user`);
  } finally {
    for (const fd of [reader, writer, pidfd]) close(fd);
    wait(pid);
  }
}

/** True when the mount shows other owners than its source has. */
export function isMapped({ uidMappings, gidMappings, options = [] }: Mount): boolean {
  return (
    Boolean(uidMappings?.length || gidMappings?.length) || options.some((word) => word === "idmap" || word === "ridmap")
  );
}

/** The mount's own mapping, or without one the container's: its mappings, or the namespace that it joins. */
export function userNamespaceFor(entry: Mount, linux: Linux | undefined): number {
  const own = entry.uidMappings?.length || entry.gidMappings?.length;
  const { uidMappings, gidMappings } = own ? entry : (linux ?? {});
  if (uidMappings?.length && gidMappings?.length) return makeUserNamespace(uidMappings, gidMappings);
  const joined = own ? undefined : linux?.namespaces?.find(({ type, path }) => type === "user" && path);
  if (joined) return open(joined.path!, O.RDONLY);
  throw new WharfError(
    "InvalidArgument",
    own
      ? "an idmapped mount needs uidMappings and gidMappings"
      : "idmap without mappings needs a container with a user namespace",
  );
}
