/** A request's header block as a server gives it on: checked (RFC 9113, section 8.3) and by name. Pure. */

import type { HeaderDecoder, HeaderList } from "./hpack.ts";

/** Pseudo-headers too; several of a name are joined by commas. Without a prototype. */
export type HeaderRecord = Readonly<Record<string, string>>;

const PSEUDO = new Set([":method", ":scheme", ":path", ":authority"]);
const NO_PSEUDO: ReadonlySet<string> = new Set();
/** Those of HTTP/1's connections, which have no place here. */
const FORBIDDEN = new Set(["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"]);
/** Of these the first counts. */
const SINGLE = new Set(["content-type", "content-length", "grpc-timeout", "te", "user-agent", "host"]);
/** Blocks of one connection that are remembered, and the longest of them. */
const REMEMBERED = 32;
const SHORT = 200;

/** Undefined for headers that are malformed: the stream they begin is to be reset. */
function requestHeaders(list: HeaderList): HeaderRecord | undefined {
  const record = fields(list, PSEUDO);
  return record?.[":method"] && record[":path"] && record[":scheme"] ? record : undefined;
}

function fields(list: HeaderList, allowed: ReadonlySet<string>): HeaderRecord | undefined {
  const record: Record<string, string> = Object.create(null);
  let regular = false;
  for (const [name, value] of list) {
    const pseudo = name[0] === ":";
    const before = record[name];
    if (pseudo) {
      if (regular || before !== undefined || !allowed.has(name)) return undefined;
    } else {
      regular = true;
      if (!/^[!#$%&'*+\-.^_`|~0-9a-z]+$/.test(name) || FORBIDDEN.has(name)) return undefined;
      if (name === "te" && value !== "trailers") return undefined;
    }
    // section 8.2.1; spaces at the ends are none of HTTP/2's, but gRPC's clients send them and its servers take them
    if (/[\0\r\n]/.test(value)) return undefined;
    if (before === undefined) record[name] = value;
    else if (!SINGLE.has(name)) record[name] = `${before}, ${value}`;
  }
  return record;
}

interface Known {
  block: Uint8Array;
  headers: HeaderRecord;
}

/** Clients say the same again and again, and HPACK makes it the same few bytes: read once, as long as the table stays as it is. */
export class RequestDecoder {
  readonly #decoder: HeaderDecoder;
  /** In turn, from `#oldest` on. */
  readonly #known: Known[] = [];
  #oldest = 0;
  #version = 0;

  constructor(decoder: HeaderDecoder) {
    this.#decoder = decoder;
  }

  /** As `requestHeaders`. Throws for a block that cannot be read. */
  decode(block: Uint8Array): HeaderRecord | undefined {
    this.#forget();
    const short = block.length <= SHORT;
    if (short) for (const known of this.#known) if (same(known.block, block)) return known.headers;
    const headers = requestHeaders(this.#decoder.decode(block));
    if (!this.#forget() && short && headers) {
      this.#known[this.#oldest] = { block: block.slice(), headers };
      this.#oldest = (this.#oldest + 1) % REMEMBERED;
    }
    return headers;
  }

  /** True when the table has changed, and with it the meaning of blocks. */
  #forget(): boolean {
    if (this.#decoder.version === this.#version) return false;
    this.#version = this.#decoder.version;
    this.#known.length = 0;
    this.#oldest = 0;
    return true;
  }

  /** Trailers: nobody wants them, but the table has to follow. Undefined for malformed ones. */
  trailers(block: Uint8Array): HeaderRecord | undefined {
    return fields(this.#decoder.decode(block), NO_PSEUDO);
  }
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
