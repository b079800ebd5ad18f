// linux.netDevices: devices of the host that move into the container's network namespace, with a new name if one is asked for, with
// their permanent global addresses, and up (config-linux.md#network-devices).
import { WharfError } from "../../common/errors.ts";
import type { LinuxNamespaceType, LinuxNetDevice } from "../../common/oci/runtime.ts";
import { MessageBuilder, NETLINK_ROUTE, Netlink } from "../net/netlink.ts";
import { inNamespace } from "../net/netns.ts";
import {
  addAddressAsItWas,
  changeLink,
  type LinkAddress,
  listAddresses,
  listLinks,
  moveLink,
} from "../net/rtnetlink.ts";
import { Fd } from "../sys/fs.ts";
import { openProcLink } from "../sys/procfs.ts";

type Devices = Readonly<Record<string, LinuxNetDevice>>;

const IFNAMSIZ = 16;
const IFA_F_PERMANENT = 0x80;
const RT_SCOPE_UNIVERSE = 0;

/** As the kernel's dev_valid_name has it; "%d" at the end makes it a template. */
function isDeviceName(name: string): boolean {
  return (
    name !== "" &&
    name !== "." &&
    name !== ".." &&
    native.bytes(name).length < IFNAMSIZ &&
    /^[^/:%\s]*(%d)?$/.test(name)
  );
}

export function checkNetDevices(
  devices: Devices,
  own: ReadonlyMap<LinuxNamespaceType, string | undefined>,
  rootless: boolean,
): void {
  const names = Object.keys(devices);
  if (names.length === 0) return;
  const bad = (field: string, what: string) =>
    new WharfError("InvalidArgument", `config.json: ${field}: ${what}`, { subject: field });
  if (!own.has("network")) throw bad("linux.netDevices", "needs a network namespace");
  if (rootless) throw bad("linux.netDevices", "moving devices needs a privileged runtime");
  for (const name of names) {
    const field = `linux.netDevices[${JSON.stringify(name)}]`;
    if (!isDeviceName(name)) throw bad(field, "is no name of a network device");
    const inside = devices[name]!.name;
    if (inside && !isDeviceName(inside))
      throw bad(`${field}.name`, `${JSON.stringify(inside)} is no name of a network device`);
  }
}

function fail(name: string, what: string, cause?: unknown, hint?: string): WharfError {
  const field = `linux.netDevices[${JSON.stringify(name)}]`;
  return new WharfError("FailedPrecondition", `${field}: ${what}`, { subject: field, cause, hint });
}

function move(here: Netlink, there: Netlink, namespace: number, name: string, inside: string): void {
  const link = listLinks(here).find((one) => one.name === name);
  if (!link) throw fail(name, "no such network device here", undefined, "ip link shows those there are");
  // the kernel takes the device down, and its addresses away, when it can move it, and not before
  const addresses = listAddresses(here, link.index).filter(isKept);
  const others = listLinks(there);
  // the kernel would move it all the same, and fail to give it the name afterwards
  if (others.some((one) => one.name === inside))
    throw fail(name, `the container has a device ${JSON.stringify(inside)} already: EEXIST`);
  const before = new Set(others.map((one) => one.index));
  try {
    const messages = new MessageBuilder();
    moveLink(messages, link.index, inside, namespace);
    here.request(messages);
  } catch (cause) {
    throw fail(name, `cannot move it into the container as ${JSON.stringify(inside)}`, cause);
  }
  // "eth%d" has become a name, and a number that is taken another one
  const moved = listLinks(there).find((one) => (inside.includes("%") ? !before.has(one.index) : one.name === inside));
  if (!moved) throw fail(name, "is gone after its move");
  try {
    const messages = new MessageBuilder();
    for (const address of addresses) addAddressAsItWas(messages, moved.index, address);
    changeLink(messages, { index: moved.index, up: true });
    there.request(messages);
  } catch (cause) {
    throw fail(name, "cannot give it back its addresses in the container", cause);
  }
}

function isKept({ flags, scope }: LinkAddress): boolean {
  return (flags & IFA_F_PERMANENT) !== 0 && scope === RT_SCOPE_UNIVERSE;
}

/** Moves them from this process's namespace into that of `pid`. */
export function moveNetDevices(devices: Devices, pid: number): void {
  using here = new Netlink(NETLINK_ROUTE);
  using namespace = new Fd(openProcLink(`${pid}/ns/net`));
  inNamespace(namespace.value, () => {
    using there = new Netlink(NETLINK_ROUTE);
    for (const name in devices) move(here, there, namespace.value, name, devices[name]!.name || name);
  });
}
