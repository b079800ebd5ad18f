// Idmapped mounts take their mapping from a user namespace: one made for the purpose, or another process's.
import { WharfError } from "../../common/errors.ts";
import type { LinuxIDMapping, Mount } from "../../common/oci/runtime.ts";
import { close, O, open, pipe, read, writeFile } from "../sys/fs.ts";
import { CLONE, clone, exit, wait } from "../sys/process.ts";
import { mapText } from "./namespaces.ts";

/** A user namespace with these mappings, as a descriptor. Its only process ends at once. */
function makeUserNamespace(uid: readonly LinuxIDMapping[], gid: readonly LinuxIDMapping[]): number {
  const [reader, writer] = pipe();
  const { pid, pidfd } = clone(CLONE.NEWUSER);
  if (pid === 0) {
    close(writer);
    read(reader, new Uint8Array(1));
    exit(0);
  }
  try {
    writeFile(`/proc/${pid}/uid_map`, mapText(uid));
    writeFile(`/proc/${pid}/gid_map`, mapText(gid));
    return open(`/proc/${pid}/ns/user`, O.RDONLY);
  } finally {
    for (const fd of [reader, writer, pidfd]) close(fd);
    wait(pid);
  }
}

/** @param container the container's own user namespace: /proc/<pid>/ns/user of this process, where it has one */
export function userNamespaceFor(entry: Mount, container: number | undefined): number {
  const { uidMappings, gidMappings } = entry;
  if (uidMappings?.length && gidMappings?.length) return makeUserNamespace(uidMappings, gidMappings);
  if (uidMappings?.length || gidMappings?.length) {
    throw new WharfError("InvalidArgument", "an idmapped mount needs uidMappings and gidMappings");
  }
  if (container === undefined) {
    throw new WharfError("InvalidArgument", "idmap without mappings needs a container with a user namespace");
  }
  return open(`/proc/${container}/ns/user`, O.RDONLY);
}
