// What the generator writes about messages and services: plain tables that one codec reads (codec.ts).

const SCALARS = [
  "double",
  "float",
  "int32",
  "int64",
  "uint32",
  "uint64",
  "sint32",
  "sint64",
  "fixed32",
  "fixed64",
  "sfixed32",
  "sfixed64",
  "bool",
  "string",
  "bytes",
  "enum",
] as const;

export type Scalar = (typeof SCALARS)[number];

/** Bytes of fields that the schema does not know, kept by decode() and written again by encode(). */
export const unknownFields: unique symbol = Symbol("unknownFields");

/** The wire types (https://protobuf.dev/programming-guides/encoding). */
export const WIRE = { VARINT: 0, I64: 1, LEN: 2, START: 3, END: 4, I32: 5 } as const;

export interface Field {
  readonly no: number;
  /** Property of the message, or of the oneof's `case`. */
  readonly name: string;
  /** A scalar's type; "message" for what `message` tells. For maps that of the values. */
  readonly type: Scalar | "message";
  /** 64-bit integers are bigint. */
  readonly big: boolean;
  /** The message type; a function where types refer to each other in a circle. */
  readonly message: MessageType<unknown> | (() => MessageType<unknown>) | undefined;
  /** implicit: a default value is not written. explicit: undefined is not written. */
  readonly presence: "implicit" | "explicit" | "repeated" | "map" | "oneof";
  /** Type of a map's keys. */
  readonly key: Scalar | undefined;
  readonly oneof: string | undefined;
}

/** A message type: its full name and its fields. `T` is the shape that decode() gives. */
export interface MessageType<out T> {
  readonly typeName: string;
  readonly fields: readonly Field[];
  /** Fields by number, as far as the numbers are small. */
  readonly byNumber: readonly (Field | undefined)[];
  readonly oneofs: readonly string[];
  /** Never there: carries the type. */
  readonly shape?: T;
}

/** The wire type of each kind of field. */
export const WIRE_OF: Record<Scalar | "message", number> = {
  double: WIRE.I64,
  float: WIRE.I32,
  int32: WIRE.VARINT,
  int64: WIRE.VARINT,
  uint32: WIRE.VARINT,
  uint64: WIRE.VARINT,
  sint32: WIRE.VARINT,
  sint64: WIRE.VARINT,
  fixed32: WIRE.I32,
  fixed64: WIRE.I64,
  sfixed32: WIRE.I32,
  sfixed64: WIRE.I64,
  bool: WIRE.VARINT,
  string: WIRE.LEN,
  bytes: WIRE.LEN,
  enum: WIRE.VARINT,
  message: WIRE.LEN,
};

/** The message type of a field that has one. */
export function messageOf(field: Field): MessageType<unknown> {
  const { message } = field;
  return typeof message === "function" ? message() : message!;
}

/** What may be encoded as T: any field may be left out. */
export type Init<T> = T extends string | number | bigint | boolean | undefined | Uint8Array
  ? T
  : T extends readonly (infer U)[]
    ? readonly Init<U>[]
    : { readonly [K in keyof T]?: Init<T[K]> | undefined };

type Type = Scalar | "int64big" | "uint64big" | "sint64big" | "fixed64big" | "sfixed64big";

/** A field as the generator writes it: number, name, type, then what is special about it. */
export type FieldSpec =
  | readonly [no: number, name: string, type: Type | MessageType<unknown> | (() => MessageType<unknown>)]
  | readonly [
      no: number,
      name: string,
      type: Type | MessageType<unknown> | (() => MessageType<unknown>),
      presence: "optional" | "repeated",
    ]
  | readonly [
      no: number,
      name: string,
      type: Type | MessageType<unknown> | (() => MessageType<unknown>),
      presence: "map" | "oneof",
      keyOrOneof: string,
    ];

const SMALL = 512;

function field([no, name, spec, presence, detail]: FieldSpec): Field {
  const scalar = typeof spec === "string";
  const big = scalar && spec.endsWith("big");
  const type = scalar ? ((big ? spec.slice(0, -3) : spec) as Scalar) : "message";
  return {
    no,
    name,
    type,
    big,
    message: scalar ? undefined : spec,
    presence: presence === "optional" ? "explicit" : (presence ?? (scalar ? "implicit" : "explicit")),
    key: presence === "map" ? (detail as Scalar) : undefined,
    oneof: presence === "oneof" ? detail : undefined,
  };
}

/** Makes a message type. Called by generated code while it is evaluated. */
export function message<T>(typeName: string, specs: readonly FieldSpec[]): MessageType<T> {
  const fields = specs.map(field);
  const byNumber: (Field | undefined)[] = [];
  const highest = Math.min(SMALL, Math.max(0, ...fields.map(({ no }) => no)));
  for (let i = 0; i <= highest; i++) byNumber.push(undefined);
  for (const f of fields) if (f.no <= SMALL) byNumber[f.no] = f;
  const oneofs = [...new Set(fields.flatMap(({ oneof }) => (oneof === undefined ? [] : [oneof])))];
  return { typeName, fields, byNumber, oneofs };
}

export type MethodKind = "unary" | "serverStream" | "clientStream" | "bidiStream";

export interface Method<I, O, K extends MethodKind = MethodKind> {
  /** As on the wire: "CreateSandbox". */
  readonly name: string;
  readonly input: MessageType<I>;
  readonly output: MessageType<O>;
  readonly kind: K;
}

/** A service: its full name, and its methods under their local names ("createSandbox"). */
export interface Service<M extends Methods = Methods> {
  readonly typeName: string;
  readonly methods: M;
}

export type Methods = Readonly<Record<string, Method<unknown, unknown>>>;

export function method<I, O, K extends MethodKind>(
  name: string,
  input: MessageType<I>,
  output: MessageType<O>,
  kind: K,
): Method<I, O, K> {
  return { name, input, output, kind };
}

export function service<M extends Methods>(typeName: string, methods: M): Service<M> {
  return { typeName, methods };
}

/** What implements a service: one function a method. `C` is what the transport tells about the call. */
export type Handlers<S extends Service, C = undefined> = {
  readonly [K in keyof S["methods"]]: S["methods"][K] extends Method<infer I, infer O, infer Kind>
    ? Handler<I, O, Kind, C>
    : never;
};

type Handler<I, O, Kind, C> = Kind extends "unary"
  ? (request: I, context: C) => Init<O> | Promise<Init<O>>
  : Kind extends "serverStream"
    ? (request: I, context: C) => AsyncIterable<Init<O>>
    : Kind extends "clientStream"
      ? (requests: AsyncIterable<I>, context: C) => Promise<Init<O>>
      : (requests: AsyncIterable<I>, context: C) => AsyncIterable<Init<O>>;

/** A client of a service: one function a method. `O` are the call's options. */
export type Client<S extends Service, Options = undefined> = {
  readonly [K in keyof S["methods"]]: S["methods"][K] extends Method<infer I, infer O, infer Kind>
    ? ClientCall<I, O, Kind, Options>
    : never;
};

type ClientCall<I, O, Kind, Options> = Kind extends "unary"
  ? (request: Init<I>, options?: Options) => Promise<O>
  : Kind extends "serverStream"
    ? (request: Init<I>, options?: Options) => AsyncIterable<O>
    : Kind extends "clientStream"
      ? (requests: AsyncIterable<Init<I>>, options?: Options) => Promise<O>
      : (requests: AsyncIterable<Init<I>>, options?: Options) => AsyncIterable<O>;
