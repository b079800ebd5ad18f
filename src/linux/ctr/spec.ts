// A container's configuration from an image and the flags of `run` and `create`.
import { isQualifiedDevice } from "../../common/cdi/spec.ts";
import { cut, type FlagValues } from "../../common/cli/flags.ts";
import { WharfError } from "../../common/errors.ts";
import type { ImageConfig } from "../../common/oci/image.ts";
import type { LinuxNamespaceType, LinuxSeccomp, Mount, Spec } from "../../common/oci/runtime.ts";
import { defaultSeccomp } from "../../common/oci/seccomp-default.ts";
import { resolveUser, type UserFiles } from "../../common/oci/user.ts";
import { capabilityNames, getCapabilities } from "../sys/capabilities.ts";
import { readText } from "../sys/fs.ts";
import { loadDefaultProfile } from "./apparmor.ts";
import { injectDevices } from "./cdi.ts";
import { usage } from "./ctr.ts";
import { allowDefaultDevices, defaultSpec } from "./default-spec.ts";
import { chosenDevices, devicesBelow } from "./devices.ts";
import type { CONTAINER } from "./flags.ts";
import { labelsOf } from "./labels.ts";
import { addCapabilities, applyImage, envFile, mergeEnv } from "./process-flags.ts";

export type ContainerFlags = FlagValues<typeof CONTAINER>;

export interface SpecInput {
  namespace: string;
  id: string;
  flags: ContainerFlags;
  given: ReadonlySet<string>;
  args: readonly string[];
  /** Absent with --rootfs. */
  image?: ImageConfig | undefined;
  /** The folder, with --rootfs. */
  rootfs?: string | undefined;
  files: UserFiles;
}

export function specOf(input: SpecInput): Spec {
  const { flags, args, files, image } = input;
  const spec = defaultSpec(input.namespace, input.id);
  const process = spec.process!;
  allowDefaultDevices(spec);
  process.env = mergeEnv(flags["env-file"] ? envFile(readText(flags["env-file"])) : [], flags.env);
  const mounts = flags.mount.map(parseMount);
  const covered = new Set(mounts.map(({ destination }) => destination));
  spec.mounts = [...spec.mounts!.filter(({ destination }) => !covered.has(destination)), ...mounts];
  if (image) applyImage(process, image, args, files);
  else if (args.length > 0) process.args = [...args];
  if (input.rootfs) spec.root!.path = input.rootfs;
  if (flags["read-only"]) spec.root!.readonly = true;
  if (flags.cwd) process.cwd = flags.cwd;
  if (flags.user) process.user = resolveUser(flags.user, files);
  if (flags.tty) {
    process.terminal = true;
    process.env.push("TERM=xterm");
  }
  if (flags.hostname) spec.hostname = flags.hostname;
  if (flags["rootfs-propagation"]) spec.linux!.rootfsPropagation = flags["rootfs-propagation"];
  if (flags["allow-new-privs"]) delete process.noNewPrivileges;
  if (process.env.length === 0) delete process.env;
  if (input.given.has("cgroup")) spec.linux!.cgroupsPath = flags.cgroup;
  if (flags["rdt-class"]) spec.linux!.intelRdt = { closID: flags["rdt-class"] };
  privileges(spec, flags);
  namespaces(spec, flags);
  resources(spec, flags);
  const annotations = { ...annotationsOf(flags.annotation), ...labelsOf(flags.label) };
  if (Object.keys(annotations).length > 0) spec.annotations = annotations;
  injectDevices(spec, flags.device.filter(isQualifiedDevice));
  return spec;
}

function parseMount(text: string): Mount {
  const mount: Mount = { destination: "" };
  for (const field of csvFields(text)) {
    const [key, value] = cut(field, "=");
    if (value === undefined) throw usage(`mount ${JSON.stringify(text)}: ${JSON.stringify(field)} is not KEY=VALUE`);
    if (key === "type") mount.type = value;
    else if (key === "source" || key === "src") mount.source = value;
    else if (key === "destination" || key === "dst") mount.destination = value;
    else if (key === "options") mount.options = value.split(":");
    else throw usage(`mount ${JSON.stringify(text)}: ${JSON.stringify(key)} is not known`);
  }
  return mount;
}

/** The fields of a line of CSV: one in quotes may have commas in it, and a quote as two. */
function csvFields(text: string): string[] {
  const fields = text.match(/(?<=^|,)(?:"(?:[^"]|"")*"|[^",]*)(?=,|$)/g) ?? [];
  const length = fields.reduce((sum, field) => sum + field.length + 1, -1);
  if (length !== text.length) throw usage(`mount ${JSON.stringify(text)}: a quote that is not closed, or out of place`);
  return fields.map((field) => (field.startsWith('"') ? field.slice(1, -1).replaceAll('""', '"') : field));
}

/** `what`: for the error, which names the file, too. */
export function readJson<T>(path: string, what: string): T {
  try {
    return JSON.parse(readText(path)) as T;
  } catch (cause) {
    throw new WharfError("InvalidArgument", `cannot read the ${what} ${JSON.stringify(path)}`, { cause });
  }
}

function annotationsOf(words: readonly string[]): Record<string, string> {
  for (const word of words) if (!word.includes("=")) throw usage(`annotation ${JSON.stringify(word)} is not KEY=VALUE`);
  return labelsOf(words);
}

function privileges(spec: Spec, flags: ContainerFlags): void {
  const process = spec.process!;
  const linux = spec.linux!;
  if (flags["privileged-without-host-devices"] && !flags.privileged) {
    throw usage("--privileged-without-host-devices goes with --privileged");
  }
  if (flags.privileged) {
    const all = capabilityNames(getCapabilities().permitted);
    process.capabilities = { bounding: all, effective: [...all], permitted: [...all] };
    delete linux.maskedPaths;
    delete linux.readonlyPaths;
    for (const mount of spec.mounts!) {
      if (mount.type !== "sysfs" && mount.type !== "cgroup") continue;
      mount.options = mount.options!.map((option) => (option === "ro" ? "rw" : option));
    }
    if (!flags["privileged-without-host-devices"]) {
      linux.resources!.devices = [{ allow: true, access: "rwm" }];
      linux.devices = [...(linux.devices ?? []), ...devicesBelow("/dev")];
    }
  }
  addCapabilities(process, flags["cap-add"], flags["cap-drop"]);
  if (flags["seccomp-profile"] && !flags.seccomp) throw usage("--seccomp-profile goes with --seccomp");
  if (flags["seccomp-profile"]) linux.seccomp = readJson<LinuxSeccomp>(flags["seccomp-profile"], "profile");
  else if (flags.seccomp) linux.seccomp = defaultSeccomp(process.capabilities?.bounding ?? [], "x64");
  if (flags["apparmor-profile"]) process.apparmorProfile = flags["apparmor-profile"];
  if (flags["apparmor-default-profile"]) {
    if (flags["apparmor-profile"]) throw usage("--apparmor-profile and --apparmor-default-profile exclude each other");
    process.apparmorProfile = loadDefaultProfile(flags["apparmor-default-profile"]);
  }
  for (const path of flags.device.filter((name) => !isQualifiedDevice(name))) {
    const { devices, rules } = chosenDevices(path);
    linux.devices = [...(linux.devices ?? []), ...devices];
    linux.resources!.devices!.push(...rules);
  }
}

const NAMESPACES = new Set<string>(["pid", "network", "uts", "mount", "user", "ipc", "cgroup"]);

function namespaces(spec: Spec, flags: ContainerFlags): void {
  const linux = spec.linux!;
  let list = linux.namespaces!;
  if (flags["net-host"]) {
    list = list.filter(({ type }) => type !== "network");
    for (const file of ["/etc/hosts", "/etc/resolv.conf"]) {
      spec.mounts!.push({ destination: file, type: "bind", source: file, options: ["rbind", "ro"] });
    }
    const name = `HOSTNAME=${readText("/proc/sys/kernel/hostname").trim()}`;
    spec.process!.env = mergeEnv(spec.process!.env ?? [], [name]);
  }
  if (flags.uidmap.length > 0 && flags.gidmap.length > 0) {
    list = [...list, { type: "user" }];
    linux.uidMappings = [...flags.uidmap];
    linux.gidMappings = [...flags.gidmap];
  }
  for (const word of flags["with-ns"]) {
    const [type, path] = cut(word, ":");
    if (path === undefined) throw usage(`--with-ns ${JSON.stringify(word)} is not TYPE:PATH`);
    if (!NAMESPACES.has(type))
      throw usage(`--with-ns ${JSON.stringify(word)}: there is no namespace of type ${JSON.stringify(type)}`);
    const joined = { type: type as LinuxNamespaceType, path };
    const at = list.findIndex((one) => one.type === type);
    list = at < 0 ? [...list, joined] : list.with(at, joined);
  }
  linux.namespaces = list;
}

const PERIOD = 100_000;

function resources(spec: Spec, flags: ContainerFlags): void {
  const found = spec.linux!.resources!;
  const cpu: NonNullable<typeof found.cpu> = {};
  const cpus = Number(flags.cpus || 0);
  if (!Number.isFinite(cpus)) throw usage(`--cpus ${JSON.stringify(flags.cpus)} is no number of CPUs`);
  const [quota, period] = [flags["cpu-quota"], flags["cpu-period"]];
  if (cpus > 0 && (quota !== -1 || period !== 0)) throw usage("--cpus and --cpu-quota exclude each other");
  if (cpus > 0) Object.assign(cpu, { quota: Math.trunc(cpus * PERIOD), period: PERIOD });
  else if (quota !== -1 || period !== 0) Object.assign(cpu, { quota, period });
  if (flags["cpu-burst"]) cpu.burst = flags["cpu-burst"];
  if (flags["cpuset-cpus"]) cpu.cpus = flags["cpuset-cpus"];
  if (flags["cpuset-mems"]) cpu.mems = flags["cpuset-mems"];
  if (flags["cpu-shares"] > 0) cpu.shares = flags["cpu-shares"];
  if (Object.keys(cpu).length > 0) found.cpu = cpu;
  if (flags["memory-limit"]) found.memory = { limit: flags["memory-limit"] };
}
