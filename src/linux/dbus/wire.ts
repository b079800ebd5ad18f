// D-Bus values on the wire: marshalling by signature (D-Bus specification, "Marshaling (Wire Format)").
import { WharfError } from "../../common/errors.ts";

/**
 * A value as its signature says: y n q i u d numbers, x t bigints (numbers are taken as well), b booleans, s o g strings, v variants,
 * arrays and structs as arrays, dictionary entries as [key, value]. An array of bytes may be a Uint8Array, and is read as one.
 */
export type Value = boolean | number | bigint | string | Uint8Array | readonly Value[] | Variant;

export interface Variant {
  signature: string;
  value: Value;
}

const SIZE: Readonly<Record<string, number>> = { y: 1, b: 4, n: 2, q: 2, i: 4, u: 4, x: 8, t: 8, d: 8 };
const MAX_DEPTH = 64;

function bad(signature: string): WharfError {
  return new WharfError("InvalidArgument", `bad D-Bus signature ${JSON.stringify(signature)}`);
}

/** The end of the single complete type that begins at `at`. */
export function typeEnd(signature: string, at: number, depth = 0): number {
  const letter = signature[at] ?? "";
  if (depth > MAX_DEPTH) throw bad(signature);
  if (SIZE[letter] !== undefined || "sogv".includes(letter || " ")) return at + 1;
  if (letter === "a") return typeEnd(signature, at + 1, depth + 1);
  const closing = letter === "(" ? ")" : letter === "{" ? "}" : "";
  if (closing === "") throw bad(signature);
  let next = at + 1;
  while (signature[next] !== closing) next = typeEnd(signature, next, depth + 1);
  if (next === at + 1 || (closing === "}" && signature[at - 1] !== "a")) throw bad(signature);
  return next + 1;
}

/** The single complete types of a signature. */
export function typesOf(signature: string): string[] {
  const types: string[] = [];
  for (let at = 0; at < signature.length; ) {
    const end = typeEnd(signature, at);
    types.push(signature.slice(at, end));
    at = end;
  }
  return types;
}

function alignmentOf(type: string): number {
  const letter = type[0]!;
  if (letter === "(" || letter === "{") return 8;
  return letter === "g" || letter === "v" ? 1 : (SIZE[letter] ?? 4);
}

/** Marshals values, little-endian, with offsets counted from its beginning. */
export class Writer {
  #bytes = new Uint8Array(256);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  #grow(count: number): number {
    const at = this.#length;
    this.#length += count;
    if (this.#length > this.#bytes.length) {
      const bigger = new Uint8Array(this.#length * 2);
      bigger.set(this.#bytes);
      this.#bytes = bigger;
      this.#view = new DataView(bigger.buffer);
    }
    return at;
  }

  pad(to: number): void {
    this.#grow((to - (this.#length % to)) % to);
  }

  raw(bytes: Uint8Array): void {
    const at = this.#grow(bytes.length);
    this.#bytes.set(bytes, at);
  }

  setUint32(at: number, value: number): void {
    this.#view.setUint32(at, value, true);
  }

  #text(text: string, small: boolean): void {
    const bytes = native.bytes(text);
    this.put(small ? "y" : "u", bytes.length);
    this.raw(bytes);
    this.#grow(1);
  }

  #basic(letter: string, value: Value): void {
    const size = SIZE[letter]!;
    this.pad(size);
    const at = this.#grow(size);
    const view = this.#view;
    if (letter === "b") view.setUint32(at, value ? 1 : 0, true);
    else if (letter === "d") view.setFloat64(at, Number(value), true);
    else if (letter === "t") view.setBigUint64(at, BigInt(value as bigint), true);
    else if (letter === "x") view.setBigInt64(at, BigInt(value as bigint), true);
    else if (size === 1) view.setUint8(at, Number(value));
    else if (size === 2) view.setUint16(at, Number(value), true);
    else view.setUint32(at, Number(value), true);
  }

  /** One value of a single complete type. */
  put(type: string, value: Value): void {
    const letter = type[0]!;
    if (SIZE[letter] !== undefined) this.#basic(letter, value);
    else if (letter === "s" || letter === "o") this.#text(String(value), false);
    else if (letter === "g") this.#text(String(value), true);
    else if (letter === "v") {
      const { signature, value: inner } = value as Variant;
      this.#text(signature, true);
      this.put(signature, inner);
    } else if (letter === "a") this.#array(type.slice(1), value as readonly Value[]);
    else {
      this.pad(8);
      this.putAll(type.slice(1, -1), value as readonly Value[]);
    }
  }

  #array(element: string, values: readonly Value[] | Uint8Array): void {
    this.put("u", 0);
    const at = this.#length - 4;
    this.pad(alignmentOf(element));
    const start = this.#length;
    if (values instanceof Uint8Array) this.raw(values);
    else for (const value of values) this.put(element, value);
    this.setUint32(at, this.#length - start);
  }

  putAll(signature: string, values: readonly Value[]): void {
    const types = typesOf(signature);
    if (types.length !== values.length) {
      throw new WharfError(
        "Internal",
        `D-Bus signature ${signature} takes ${types.length} values, got ${values.length}`,
      );
    }
    for (let i = 0; i < types.length; i++) this.put(types[i]!, values[i]!);
  }
}

/** Unmarshals values from a message, whose length and offsets it does not trust. */
export class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #little: boolean;
  at: number;

  constructor(bytes: Uint8Array, little: boolean, at = 0) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#little = little;
    this.at = at;
  }

  pad(to: number): void {
    this.at += (to - (this.at % to)) % to;
  }

  #take(count: number): number {
    const at = this.at;
    if (count > this.#bytes.length - at)
      throw new WharfError("DataLoss", "a D-Bus message ends in the middle of a value");
    this.at += count;
    return at;
  }

  #text(length: number): string {
    const at = this.#take(length + 1);
    return native.utf8(this.#bytes, at, length);
  }

  #basic(letter: string): Value {
    const size = SIZE[letter]!;
    this.pad(size);
    const at = this.#take(size);
    const view = this.#view;
    if (letter === "y") return view.getUint8(at);
    if (letter === "b") return view.getUint32(at, this.#little) !== 0;
    if (letter === "n") return view.getInt16(at, this.#little);
    if (letter === "q") return view.getUint16(at, this.#little);
    if (letter === "i") return view.getInt32(at, this.#little);
    if (letter === "u") return view.getUint32(at, this.#little);
    if (letter === "x") return view.getBigInt64(at, this.#little);
    if (letter === "t") return view.getBigUint64(at, this.#little);
    return view.getFloat64(at, this.#little);
  }

  get(type: string, depth = 0): Value {
    const letter = type[0]!;
    if (depth > MAX_DEPTH) throw new WharfError("DataLoss", "a D-Bus message is nested too deeply");
    if (SIZE[letter] !== undefined) return this.#basic(letter);
    if (letter === "s" || letter === "o") return this.#text(this.get("u") as number);
    if (letter === "g") return this.#text(this.get("y") as number);
    if (letter === "v") {
      const signature = this.#text(this.get("y") as number);
      if (typeEnd(signature, 0) !== signature.length) throw bad(signature);
      return { signature, value: this.get(signature, depth + 1) };
    }
    if (letter === "a") return this.#array(type.slice(1), depth + 1);
    this.pad(8);
    return typesOf(type.slice(1, -1)).map((one) => this.get(one, depth + 1));
  }

  #array(element: string, depth: number): Value {
    const length = this.get("u") as number;
    this.pad(alignmentOf(element));
    const end = this.at + length;
    if (element === "y") {
      const at = this.#take(length);
      return this.#bytes.slice(at, at + length);
    }
    const values: Value[] = [];
    while (this.at < end) values.push(this.get(element, depth));
    return values;
  }

  getAll(signature: string): Value[] {
    return typesOf(signature).map((type) => this.get(type));
  }
}
