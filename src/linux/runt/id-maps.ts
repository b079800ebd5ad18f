// The id mappings of a new user namespace: written directly, or for a user without privilege by newuidmap and newgidmap, which
// know what /etc/subuid and /etc/subgid grant (man 5 subuid).
import { WharfError } from "../../common/errors.ts";
import type { LinuxIDMapping, Spec } from "../../common/oci/runtime.ts";
import { close, pipe, readAll } from "../sys/fs.ts";
import { NR } from "../sys/nr.ts";
import { environment, exec, exit, fork, wait } from "../sys/process.ts";
import { writeProc } from "../sys/procfs.ts";
import { effectiveUser } from "../sys/rootless.ts";
import { mapText } from "./namespaces.ts";

/** user_namespaces(7): without privilege one may map one's own id alone. */
function onlyOneself(mappings: readonly LinuxIDMapping[], own: number): boolean {
  return mappings.length === 1 && mappings[0]!.size === 1 && mappings[0]!.hostID === own;
}

/** Runs a set-user-id helper and waits for it; what it says on stderr is its error. */
function runHelper(name: string, args: readonly string[]): void {
  const env = environment();
  const path = env.get("PATH") || "/usr/local/bin:/usr/bin:/bin";
  const [reader, writer] = pipe();
  const pid = fork();
  if (pid === 0) {
    native.syscall(NR.dup3, writer, 2, 0);
    for (const folder of path.split(":")) {
      try {
        exec(`${folder}/${name}`, [name, ...args], [`PATH=${path}`]);
      } catch {
        // the next folder
      }
    }
    exit(127);
  }
  close(writer);
  const said = native.utf8(readAll(reader)).trim();
  close(reader);
  const status = wait(pid)?.status;
  if (status === 0) return;
  if (status === 127 && said === "") {
    throw new WharfError("NotFound", `${name} is not in $PATH`, {
      subject: name,
      hint: "a user without privilege needs it to map more than its own id: install uidmap (Debian) or shadow-utils",
    });
  }
  throw new WharfError("PermissionDenied", `${name} refuses the mapping: ${said || `exit code ${status}`}`, {
    subject: name,
    hint: "the user's ranges stand in /etc/subuid and /etc/subgid",
  });
}

function writeMap(pid: number, kind: "uid" | "gid", mappings: readonly LinuxIDMapping[], direct: boolean): void {
  if (mappings.length === 0) return;
  if (direct) {
    writeProc(`${pid}/${kind}_map`, mapText(mappings));
    return;
  }
  const numbers = mappings.flatMap(({ containerID, hostID, size }) => [containerID, hostID, size].map(String));
  runHelper(`new${kind}map`, [String(pid), ...numbers]);
}

/** Gives a new user namespace its mappings, as the process that made it. */
export function writeMaps(pid: number, { uidMappings = [], gidMappings = [] }: NonNullable<Spec["linux"]>): void {
  const uid = effectiveUser();
  if (uid === 0) {
    writeMap(pid, "uid", uidMappings, true);
    writeMap(pid, "gid", gidMappings, true);
    return;
  }
  writeMap(pid, "uid", uidMappings, onlyOneself(uidMappings, uid));
  const alone = onlyOneself(gidMappings, native.syscall(NR.getegid));
  // the kernel's condition: groups could be dropped that deny something (CVE-2014-8989)
  if (alone) writeProc(`${pid}/setgroups`, "deny");
  writeMap(pid, "gid", gidMappings, alone);
}
