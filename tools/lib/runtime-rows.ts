// What there is to be covered: the fields of the runtime specification 1.3, runc's commands and flags, what `features` reports.
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { CONFIG_SHAPE, fieldPaths, SECCOMP_SHAPE } from "../../src/common/oci/runtime-shape.ts";
import { ROOT } from "./native.ts";

/** Fields of other platforms, each with those below it: refused as a whole. */
const OTHER_PLATFORMS = `
solaris milestone limitpriv maxShmMemory cappedCPU cappedCPU.ncpus cappedMemory cappedMemory.physical cappedMemory.swap anet
  anet[].linkname anet[].lowerLink anet[].allowedAddress anet[].configureAllowedAddress anet[].defrouter anet[].macAddress
  anet[].linkProtection
windows layerFolders devices devices[].id devices[].idType resources resources.memory resources.memory.limit resources.cpu
  resources.cpu.count resources.cpu.shares resources.cpu.maximum resources.cpu.affinity resources.cpu.affinity.mask
  resources.cpu.affinity.group resources.storage resources.storage.iops resources.storage.bps resources.storage.sandboxSize
  network network.endpointList network.allowUnqualifiedDNSQuery network.DNSSearchList network.networkSharedContainerName
  network.networkNamespace credentialSpec servicing ignoreFlushesDuringBoot hyperv hyperv.utilityVMPath
vm hypervisor hypervisor.path hypervisor.parameters kernel kernel.path kernel.parameters kernel.initrd image image.path
  image.format hwConfig hwConfig.deviceTree hwConfig.vcpus hwConfig.memory hwConfig.dtdevs hwConfig.iomems
  hwConfig.iomems[].firstGFN hwConfig.iomems[].firstMFN hwConfig.iomems[].nrMFNs hwConfig.irqs
zos namespaces namespaces[].type namespaces[].path
freebsd devices devices[].path devices[].mode jail jail.parent jail.host jail.ip4 jail.ip4Addr jail.ip6 jail.ip6Addr jail.vnet
  jail.interface jail.vnetInterfaces jail.sysvmsg jail.sysvsem jail.sysvshm jail.enforceStatfs jail.allow jail.allow.setHostname
  jail.allow.rawSockets jail.allow.chflags jail.allow.mount jail.allow.quotas jail.allow.socketAf jail.allow.mlock
  jail.allow.reservedPorts jail.allow.suser`;

/** runc 1.3 to 1.5; a hidden flag of theirs is one all the same. The last ones of a line are runt's own. */
const COMMANDS = `
runc --root --log --log-format --debug --systemd-cgroup --rootless --criu --version --help
checkpoint --image-path --work-path --parent-path --leave-running --tcp-established --tcp-skip-in-flight --link-remap --ext-unix-sk
  --shell-job --lazy-pages --status-fd --page-server --file-locks --pre-dump --manage-cgroups-mode --empty-ns --auto-dedup
create --bundle --console-socket --pidfd-socket --pid-file --no-pivot --no-new-keyring --preserve-fds
delete --force
events --interval --stats
exec --console-socket --pidfd-socket --cwd --env --tty --user --additional-gids --process --detach --pid-file --process-label
  --apparmor --no-new-privs --cap --preserve-fds --cgroup --ignore-paused
features
kill --all
list --format --quiet
pause
ps --format
restore --console-socket --image-path --work-path --tcp-established --ext-unix-sk --shell-job --file-locks --manage-cgroups-mode
  --bundle --detach --pid-file --no-subreaper --no-pivot --empty-ns --auto-dedup --lazy-pages --lsm-profile --lsm-mount-context
resume
run --bundle --console-socket --pidfd-socket --detach --keep --pid-file --no-subreaper --no-pivot --no-new-keyring --preserve-fds
spec --bundle --rootless
start
state
update --resources --blkio-weight --cpu-period --cpu-quota --cpu-burst --cpu-share --cpu-rt-period --cpu-rt-runtime --cpuset-cpus
  --cpuset-mems --kernel-memory --kernel-memory-tcp --memory --cpu-idle --memory-reservation --memory-swap --pids-limit
  --l3-cache-schema --mem-bw-schema`;

/** Each line's first word, with and before each of the others. */
function expand(table: string, join: string): string[] {
  const lines = table
    .trim()
    .replaceAll(/\n {2,}/g, " ")
    .split("\n");
  return lines.flatMap((line) => {
    const [first = "", ...rest] = line.split(" ");
    return [first, ...rest.map((word) => `${first}${join}${word}`)];
  });
}

/** Each value that `features` reports, by its path: "mountOptions ro", "linux.cgroup.v2". */
function reported(value: unknown, path: string): string[] {
  if (Array.isArray(value)) return value.map((one) => `${path} ${one}`);
  if (typeof value !== "object" || value === null) return [path];
  return Object.entries(value).flatMap(([key, one]) => reported(one, path === "" ? key : `${path}.${key}`));
}

export const RUNT = join(ROOT, "dist/bin/runt");

export interface Section {
  title: string;
  about: string;
  rows: string[];
}

export function sections(): Section[] {
  const fields = fieldPaths(CONFIG_SHAPE).flatMap((path) =>
    path === "linux.seccomp" ? [path, ...fieldPaths(SECCOMP_SHAPE, path)] : [path],
  );
  const features: unknown = JSON.parse(execFileSync(RUNT, ["features"], { encoding: "utf8" }));
  const others = expand(OTHER_PLATFORMS, ".").filter((path) => path.includes("."));
  return [
    {
      title: "Fields of config.json",
      about: "`[]`: of each entry of a list; `{}`: of each value of a map.",
      rows: [...fields, ...others],
    },
    {
      title: "Fields of the state",
      about: "What `state` prints and hooks read.",
      rows: ["ociVersion", "id", "status", "pid", "bundle", "annotations"].map((name) => `state: ${name}`),
    },
    {
      title: "Commands and flags",
      about: "runc's, of versions 1.3 to 1.5, the global flags first.",
      rows: expand(COMMANDS, " ").map((row) => row.replace(/^runc/, "runt")),
    },
    {
      title: "What features reports",
      about: "Each value that `runt features` prints, with its path.",
      rows: reported(features, "").map((row) => `features: ${row}`),
    },
  ];
}
