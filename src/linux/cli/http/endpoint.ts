// Where a daemon listens: unix:///run/wharf/docker.sock, tcp://127.0.0.1:2375; and connecting there.
import { WharfError } from "../../../common/errors.ts";
import { parseIp } from "../../../common/ip.ts";
import { isErrno, sys } from "../../sys/call.ts";
import { kernelError } from "../../sys/errno.ts";
import { Fd } from "../../sys/fs.ts";
import { loop } from "../../sys/loop.ts";
import { NR } from "../../sys/nr.ts";
import { connectUnix } from "../../sys/socket.ts";
import { resolve } from "./resolve.ts";
import { connectSsh, formatSsh, parseSsh, type SshTarget } from "./ssh.ts";
import { secure, type Tls } from "./tls.ts";

export type Endpoint =
  | { readonly kind: "unix"; readonly path: string }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number; readonly tls?: Tls | undefined }
  | SshTarget;

const DOCKER_PORT = 2375;
const DOCKER_TLS_PORT = 2376;

/** Reads the value of --host or DOCKER_HOST; `tls` is used over tcp. */
export function parseEndpoint(text: string, tls?: Tls): Endpoint {
  const fail = (why: string, hint = "write unix:///path/to/socket, tcp://host:port or ssh://user@host") =>
    new WharfError("InvalidArgument", `host ${JSON.stringify(text)}: ${why}`, { hint });
  const [, scheme, rest] = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/.exec(text) ?? [undefined, "", text];
  if (scheme === "" && rest.startsWith("/")) return { kind: "unix", path: rest };
  if (scheme === "unix") {
    if (!rest.startsWith("/") && !rest.startsWith("@")) throw fail("the socket's path must be absolute");
    return { kind: "unix", path: rest };
  }
  if (scheme === "tcp" || scheme === "http" || scheme === "https") {
    const match = /^(\[[0-9a-fA-F:.%]+\]|[^:/[\]]+)(?::(\d{1,5}))?\/?$/.exec(rest);
    if (!match) throw fail("it is not tcp://host:port");
    const secured = tls ?? (scheme === "https" ? { verify: true } : undefined);
    const port = match[2] === undefined ? (secured ? DOCKER_TLS_PORT : DOCKER_PORT) : Number(match[2]);
    if (port < 1 || port > 65535) throw fail(`${port} is no port`);
    return { kind: "tcp", host: match[1]!.replace(/^\[|\]$/g, ""), port, ...(secured ? { tls: secured } : {}) };
  }
  if (scheme === "ssh") return parseSsh(rest, fail);
  throw fail(scheme === "" ? "the scheme is missing" : `unknown scheme ${JSON.stringify(scheme)}`);
}

export function formatEndpoint(endpoint: Endpoint): string {
  if (endpoint.kind === "unix") return `unix://${endpoint.path}`;
  if (endpoint.kind === "ssh") return formatSsh(endpoint);
  return `tcp://${endpoint.host.includes(":") ? `[${endpoint.host}]` : endpoint.host}:${endpoint.port}`;
}

/** Connects; the descriptor is nonblocking. */
export async function connectTo(endpoint: Endpoint): Promise<number> {
  try {
    if (endpoint.kind === "unix") return connectUnix(endpoint.path, true);
    if (endpoint.kind === "ssh") return connectSsh(endpoint);
    const { host, port, tls } = endpoint;
    const fd = await connectTcp(host, port);
    return tls ? await secure(fd, host, tls) : fd;
  } catch (error) {
    throw unreachable(endpoint, error);
  }
}

/** True when the error of connectTo means that nobody listens there. */
export function nobodyListens(error: unknown): boolean {
  return error instanceof WharfError && isErrno(error.cause, "ENOENT", "ECONNREFUSED");
}

function unreachable(endpoint: Endpoint, cause: unknown): WharfError {
  const where = formatEndpoint(endpoint);
  if (isErrno(cause, "EACCES", "EPERM")) {
    return new WharfError("PermissionDenied", `no permission to use the daemon's socket ${where}`, {
      hint: "run as root, or join the group that owns the socket",
      cause,
    });
  }
  if (cause instanceof WharfError && cause.operation === "TLS") return cause;
  return new WharfError("Unavailable", `no daemon answers at ${where}`, {
    hint: "is it running there? 'wharf daemon status' tells; -H or DOCKER_HOST choose another one",
    cause,
  });
}

const SOCK_STREAM_FLAGS = 1 | 0o4000 | 0o2000000;
const EINPROGRESS = 115;

async function connectTcp(host: string, port: number): Promise<number> {
  const ip = parseIp(host) ?? (await resolve(host));
  if (!ip) {
    throw new WharfError(
      "NotFound",
      `cannot resolve ${JSON.stringify(host)}: neither /etc/hosts nor a name server knows it`,
      {
        hint: "use the address",
      },
    );
  }
  const v6 = ip.length === 16;
  const family = v6 ? 10 : 2;
  using socket = new Fd(sys("socket", undefined, NR.socket, family, SOCK_STREAM_FLAGS, 0));
  const address = new Uint8Array(v6 ? 28 : 16);
  const view = new DataView(address.buffer);
  view.setUint16(0, family, true);
  view.setUint16(2, port);
  address.set(ip, v6 ? 8 : 4);
  const answer = native.syscall(NR.connect, socket.value, address, address.length);
  if (answer === -EINPROGRESS) {
    await loop().writable(socket.value);
    const error = new Int32Array(1);
    sys("getsockopt", socket.value, NR.getsockopt, socket.value, 1, 4, error, new Uint32Array([4]));
    if (error[0] !== 0) failed(host, port, error[0]!);
  } else if (answer < 0) failed(host, port, -answer);
  sys("setsockopt", socket.value, NR.setsockopt, socket.value, 6, 1, new Int32Array([1]), 4);
  return socket.release();
}

function failed(host: string, port: number, errno: number): never {
  throw kernelError("connect", `${host}:${port}`, errno);
}
