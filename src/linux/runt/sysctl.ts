// linux.sysctl: written through the host's /proc by a process of the container's namespaces, which is whom it concerns.
import { WharfError } from "../../common/errors.ts";
import { close, O, open, writeAll } from "../sys/fs.ts";

/** "net.ipv4.conf.eth0/1.x" as a path: the first separator found tells which one the name uses (sysctl(8)). */
function sysctlPath(name: string): string {
  const dot = name.indexOf(".");
  const slash = name.indexOf("/");
  const dots = dot >= 0 && (slash < 0 || dot < slash);
  const path = dots ? name.replaceAll(/[./]/g, (c) => (c === "." ? "/" : ".")) : name;
  if (!path.split("/").includes("..")) return path;
  throw new WharfError("InvalidArgument", `linux.sysctl: invalid name ${JSON.stringify(name)}`);
}

export function applySysctls(sysctls: Readonly<Record<string, string>>): void {
  for (const name in sysctls) {
    const value = sysctls[name]!;
    try {
      const fd = open(`/proc/sys/${sysctlPath(name)}`, O.WRONLY);
      try {
        writeAll(fd, value);
      } finally {
        close(fd);
      }
    } catch (cause) {
      throw new WharfError("FailedPrecondition", `linux.sysctl: cannot set ${name} to ${JSON.stringify(value)}`, {
        cause,
        subject: name,
      });
    }
  }
}
