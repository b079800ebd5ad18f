// TLS: a child process holds the secured connection (libssl) and passes bytes on; the rest of the program has a plain stream.
import { WharfError } from "../../../common/errors.ts";
import { parseIp } from "../../../common/ip.ts";
import { close, readText, setNonblocking } from "../../sys/fs.ts";
import { blockSignals, loop } from "../../sys/loop.ts";
import { NR } from "../../sys/nr.ts";
import { exit, fork, SIGNALS } from "../../sys/process.ts";
import { shutdown, socketPair } from "../../sys/socket.ts";

export interface Tls {
  /** Paths of PEM files. Without `ca` the system's authorities are trusted. */
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** False: the server may be anybody. */
  readonly verify: boolean;
}

// <openssl/ssl.h>, <openssl/x509_vfy.h>
const FILETYPE_PEM = 1;
const VERIFY_PEER = 1;
const CTRL_SET_TLSEXT_HOSTNAME = 55;
const CTRL_SET_MIN_PROTO_VERSION = 123;
const TLS1_2 = 0x0303;
const ERROR_WANT_READ = 2;
const ERROR_WANT_WRITE = 3;

const POLLIN = 1;
const POLLOUT = 4;
const POLLHUP = 16;
const BUFFER = 64 * 1024;
const EINTR = 4;

const ssl = (name: string, ...args: NativeWord[]): number =>
  native.call(native.symbol(name), ...(args as [NativeWord, NativeWord]));
/** For functions that return an int. */
const int = (name: string, ...args: NativeWord[]): number => ssl(name, ...args) | 0;

function cText(address: number): string {
  const length = native.call(native.symbol("strnlen"), address, 512);
  return native.utf8(native.view(address, length));
}

function lastError(): string {
  const code = ssl("ERR_peek_last_error");
  if (code === 0) return "the connection was closed";
  const text = new Uint8Array(256);
  ssl("ERR_error_string_n", code, text, text.length);
  // error:0A000086:SSL routines::certificate verify failed
  return native.utf8(text, 0, text.indexOf(0)).replace(/^error:[0-9A-F]+:[^:]*:[^:]*:/, "");
}

class Fault extends Error {}

function need(answer: number, what: string): void {
  if (answer !== 1) throw new Fault(`${what}: ${lastError()}`);
}

function makeContext(tls: Tls): number {
  const context = ssl("SSL_CTX_new", ssl("TLS_client_method"));
  if (context === 0) throw new Fault(`TLS is not available: ${lastError()}`);
  ssl("SSL_CTX_ctrl", context, CTRL_SET_MIN_PROTO_VERSION, TLS1_2, 0);
  if (tls.ca) need(int("SSL_CTX_load_verify_locations", context, tls.ca, 0), `cannot use the authority ${tls.ca}`);
  else ssl("SSL_CTX_set_default_verify_paths", context);
  if (tls.cert)
    need(int("SSL_CTX_use_certificate_chain_file", context, tls.cert), `cannot use the certificate ${tls.cert}`);
  if (tls.key)
    need(int("SSL_CTX_use_PrivateKey_file", context, tls.key, FILETYPE_PEM), `cannot use the key ${tls.key}`);
  ssl("SSL_CTX_set_verify", context, tls.verify ? VERIFY_PEER : 0, 0);
  return context;
}

/** Waits; events that happened, one per descriptor. */
function poll(...wanted: readonly [fd: number, events: number][]): number[] {
  const list = new Int32Array(wanted.length * 2);
  for (const [i, [fd, events]] of wanted.entries()) {
    list[2 * i] = events === 0 ? -1 : fd;
    list[2 * i + 1] = events;
  }
  while (native.syscall(NR.poll, list, wanted.length, -1) === -EINTR);
  return wanted.map((_, i) => list[2 * i + 1]! >> 16);
}

function handshake(fd: number, host: string, tls: Tls): number {
  const session = ssl("SSL_new", makeContext(tls));
  ssl("SSL_set_fd", session, fd);
  if (parseIp(host)) ssl("X509_VERIFY_PARAM_set1_ip_asc", ssl("SSL_get0_param", session), host);
  else {
    ssl("SSL_ctrl", session, CTRL_SET_TLSEXT_HOSTNAME, 0, host);
    ssl("SSL_set1_host", session, host);
  }
  for (;;) {
    ssl("ERR_clear_error");
    const answer = int("SSL_connect", session);
    if (answer === 1) return session;
    const why = int("SSL_get_error", session, answer);
    if (why === ERROR_WANT_READ) poll([fd, POLLIN]);
    else if (why === ERROR_WANT_WRITE) poll([fd, POLLOUT]);
    else {
      const verdict = ssl("SSL_get_verify_result", session);
      if (tls.verify && verdict !== 0)
        throw new Fault(`its certificate: ${cText(ssl("X509_verify_cert_error_string", verdict))}`);
      throw new Fault(lastError());
    }
  }
}

/** One direction's bytes on their way. */
class Half {
  readonly bytes = new Uint8Array(BUFFER);
  start = 0;
  end = 0;
  /** Nothing more comes in. */
  closed = false;
  /** Its end was passed on. */
  done = false;

  get empty(): boolean {
    return this.start === this.end;
  }
}

/** Passes bytes on in both directions until both have ended. */
function relay(session: number, wire: number, plain: number): void {
  const out = new Half();
  const back = new Half();
  for (;;) {
    // What waits inside libssl shows in no poll.
    let moved = false;
    if (back.empty && !back.closed) {
      ssl("ERR_clear_error");
      const n = int("SSL_read", session, back.bytes, BUFFER);
      if (n > 0) [back.start, back.end, moved] = [0, n, true];
      else if (![ERROR_WANT_READ, ERROR_WANT_WRITE].includes(int("SSL_get_error", session, n))) back.closed = true;
    }
    if (!back.empty) {
      const n = native.syscall(NR.sendto, plain, back.bytes.subarray(back.start), back.end - back.start, 0x4040, 0, 0);
      if (n > 0) [back.start, moved] = [back.start + n, true];
      else if (n !== -11 && n !== -EINTR) return;
    }
    if (back.empty && back.closed && !back.done) {
      shutdown(plain, 1);
      back.done = true;
    }
    if (out.empty && !out.closed) {
      const n = native.syscall(NR.read, plain, out.bytes, BUFFER);
      if (n > 0) [out.start, out.end, moved] = [0, n, true];
      else if (n !== -11 && n !== -EINTR) out.closed = true;
    }
    if (!out.empty) {
      const n = int("SSL_write", session, out.bytes.subarray(out.start), out.end - out.start);
      if (n > 0) [out.start, moved] = [out.start + n, true];
      else if (![ERROR_WANT_READ, ERROR_WANT_WRITE].includes(int("SSL_get_error", session, n))) out.closed = true;
    }
    if (out.empty && out.closed && !out.done) {
      ssl("SSL_shutdown", session);
      out.done = true;
    }
    if (back.done && (out.done || out.closed)) return;
    if (moved) continue;
    const [, gone] = poll(
      [wire, (back.empty && !back.closed ? POLLIN : 0) | (out.empty ? 0 : POLLOUT)],
      [plain, (out.empty && !out.closed ? POLLIN : 0) | (back.empty ? 0 : POLLOUT) | POLLHUP],
    );
    // Nobody is there any more to read what comes.
    if (gone! & POLLHUP && out.closed) return;
  }
}

function child(fd: number, plain: number, host: string, tls: Tls): never {
  try {
    blockSignals([SIGNALS.PIPE, SIGNALS.INT, SIGNALS.TERM, SIGNALS.QUIT, SIGNALS.HUP]);
    const session = handshake(fd, host, tls);
    native.syscall(NR.write, plain, native.bytes("ok\n"), 3);
    setNonblocking(plain);
    relay(session, fd, plain);
  } catch (error) {
    const text = native.bytes(`${error instanceof Error ? error.message : String(error)}\n`);
    native.syscall(NR.write, plain, text, text.length);
  }
  exit(0);
}

function unreadable(path: string): string | undefined {
  try {
    readText(path);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/**
 * A secured stream over the connected socket `fd`, which is taken over; the descriptor is nonblocking and plain.
 * @throws WharfError for files that cannot be read, and when the two sides do not come to terms.
 */
export async function secure(fd: number, host: string, tls: Tls): Promise<number> {
  for (const path of [tls.ca, tls.cert, tls.key]) {
    const fault = path ? unreadable(path) : undefined;
    if (fault !== undefined) {
      close(fd);
      throw new WharfError("FailedPrecondition", `cannot read a file for TLS: ${fault}`, {
        operation: "TLS",
        hint: "DOCKER_CERT_PATH or --tlscacert, --tlscert and --tlskey say where ca.pem, cert.pem and key.pem are",
      });
    }
  }
  const [ours, theirs] = socketPair();
  if (fork() === 0) {
    close(ours);
    child(fd, theirs, host, tls);
  }
  close(theirs);
  close(fd);
  setNonblocking(ours);
  const verdict = await firstLine(ours);
  if (verdict === "ok") return ours;
  close(ours);
  throw new WharfError("Unauthenticated", `no TLS connection to ${host}: ${verdict || "it was closed"}`, {
    operation: "TLS",
    hint: /certificate/.test(verdict)
      ? "is the server's certificate signed by the authority in --tlscacert, for this name?"
      : "does the server speak TLS, and know our certificate?",
  });
}

/** Byte by byte: what follows the line belongs to the stream. */
async function firstLine(fd: number): Promise<string> {
  const line: number[] = [];
  const byte = new Uint8Array(1);
  for (;;) {
    const n = native.syscall(NR.read, fd, byte, 1);
    if (n === -11) await loop().readable(fd);
    else if (n === 1 && byte[0] !== 10) line.push(byte[0]!);
    else if (n !== -EINTR) return native.utf8(Uint8Array.from(line));
  }
}
