// Names of hosts: /etc/hosts, then the name servers of /etc/resolv.conf (RFC 1035 over UDP).

import { parseIp } from "../../../common/ip.ts";
import { close, readText } from "../../sys/fs.ts";
import { loop } from "../../sys/loop.ts";
import { NR } from "../../sys/nr.ts";
import { randomBytes } from "../../sys/time.ts";
import { answerOf, question, TYPE_A, TYPE_AAAA } from "./dns.ts";

const TRY_MS = 2000;
const PORT = 53;
const SOCK_DGRAM_FLAGS = 2 | 0o4000 | 0o2000000;

function lines(path: string): string[][] {
  try {
    return readText(path)
      .split("\n")
      .map((line) =>
        line
          .replace(/[#;].*/, "")
          .trim()
          .split(/\s+/),
      );
  } catch {
    return [];
  }
}

/** The address as 4 or 16 bytes; undefined for a name that nobody knows. */
export async function resolve(host: string): Promise<Uint8Array | undefined> {
  const name = host.toLowerCase();
  for (const [address, ...names] of lines("/etc/hosts")) {
    if (address && names.some((one) => one.toLowerCase() === name)) return parseIp(address);
  }
  if (name === "localhost" || name.endsWith(".localhost")) return parseIp("127.0.0.1");
  const settings = lines("/etc/resolv.conf");
  const servers = settings.filter(([word]) => word === "nameserver").map(([, address]) => parseIp(address ?? ""));
  const search =
    settings
      .filter(([word]) => word === "search" || word === "domain")
      .at(-1)
      ?.slice(1) ?? [];
  const absolute = name.replace(/\.$/, "");
  const names = name.endsWith(".")
    ? [absolute]
    : name.includes(".")
      ? [absolute, ...search.map((d) => `${absolute}.${d}`)]
      : [...search.map((d) => `${absolute}.${d}`), absolute];
  for (const one of names) {
    for (const type of [TYPE_A, TYPE_AAAA]) {
      for (const server of servers) {
        const answer = server && (await ask(server, one, type));
        if (answer) {
          if (answer.address) return answer.address;
          break;
        }
      }
    }
  }
  return undefined;
}

/** Undefined when the server does not answer. */
async function ask(server: Uint8Array, name: string, type: number): Promise<{ address?: Uint8Array } | undefined> {
  const v6 = server.length === 16;
  const fd = native.syscall(NR.socket, v6 ? 10 : 2, SOCK_DGRAM_FLAGS, 0);
  if (fd < 0) return undefined;
  try {
    const address = new Uint8Array(v6 ? 28 : 16);
    const view = new DataView(address.buffer);
    view.setUint16(0, v6 ? 10 : 2, true);
    view.setUint16(2, PORT);
    address.set(server, v6 ? 8 : 4);
    if (native.syscall(NR.connect, fd, address, address.length) < 0) return undefined;
    const random = randomBytes(2);
    const id = (random[0]! << 8) | random[1]!;
    const packet = question(id, name, type);
    for (let attempt = 0; attempt < 2; attempt++) {
      if (native.syscall(NR.write, fd, packet, packet.length) < 0) return undefined;
      const waited = await Promise.race([
        loop()
          .readable(fd)
          .then(() => true),
        loop()
          .sleep(TRY_MS)
          .then(() => false),
      ]);
      if (!waited) continue;
      const buffer = new Uint8Array(4096);
      const n = native.syscall(NR.read, fd, buffer, buffer.length);
      const answer = n > 0 ? answerOf(buffer.subarray(0, n), id, type) : undefined;
      if (answer) return answer;
    }
    return undefined;
  } finally {
    close(fd);
  }
}
