// The PORTS column: "0.0.0.0:8080->80/tcp, 90-92/tcp".

export interface PortSummary {
  readonly IP?: string;
  readonly PrivatePort: number;
  readonly PublicPort?: number;
  readonly Type: string;
}

function order(a: PortSummary, b: PortSummary): number {
  const text = (x = "", y = "") => (x < y ? -1 : x > y ? 1 : 0);
  return (
    a.PrivatePort - b.PrivatePort ||
    text(a.IP, b.IP) ||
    (a.PublicPort ?? 0) - (b.PublicPort ?? 0) ||
    text(a.Type, b.Type)
  );
}

function hostPort(ip: string, port: string | number): string {
  return ip.includes(":") ? `[${ip}]:${port}` : `${ip}:${port}`;
}

interface Group {
  readonly ip: string;
  readonly type: string;
  first: number;
  last: number;
}

function show({ ip, type, first, last }: Group): string {
  const range = first === last ? String(first) : `${first}-${last}`;
  return `${ip === "" ? range : `${hostPort(ip, range)}->${range}`}/${type}`;
}

/** Neighbouring ports are shown as a range; those whose number differs outside stand alone, at the end. */
export function displayPorts(ports: readonly PortSummary[]): string {
  if (ports.length === 0) return "";
  const groups = new Map<string, Group>();
  const result: string[] = [];
  const mapped: string[] = [];
  for (const port of [...ports].sort(order)) {
    const { IP: ip = "", PrivatePort: inside, PublicPort: outside = 0, Type: type } = port;
    if (ip !== "" && outside !== inside) {
      mapped.push(`${hostPort(ip, outside)}->${inside}/${type}`);
      continue;
    }
    const key = `${ip}/${type}`;
    const group = groups.get(key);
    if (group && inside === group.last + 1) {
      group.last = inside;
      continue;
    }
    if (group) {
      result.push(show(group));
      group.first = group.last = inside;
    } else groups.set(key, { ip, type, first: inside, last: inside });
  }
  return [...result, ...[...groups.values()].map(show), ...mapped].join(", ");
}
