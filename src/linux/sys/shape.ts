// Checks what came as JSON against its shape: in C where it fits, which it mostly does; what is wrong is found out in TypeScript.
import { type Fault, type FieldShape, faultOf } from "../../common/oci/runtime-shape.ts";

/** As native/shape.h has them. */
const KIND = { any: 0, string: 1, word: 2, boolean: 3, number: 4, list: 5, map: 6, object: 7 } as const;

/** A shape as native/shape.h reads it: its kind, then what belongs to that. Made when the module is loaded, and so part of the memory image. */
type Table = readonly unknown[];

const known = new Map<FieldShape, Table>();

function tableOf(shape: FieldShape): Table {
  let table = known.get(shape);
  if (!table) {
    table = newTable(shape);
    known.set(shape, table);
  }
  return table;
}

function byName<T>(entries: Iterable<readonly [string, T]>): Record<string, T> {
  const all = Object.create(null) as Record<string, T>;
  for (const [name, value] of entries) all[name] = value;
  return all;
}

function newTable(shape: FieldShape): Table {
  switch (shape.kind) {
    case "string":
      return shape.words ? [KIND.word, byName([...shape.words].map((word) => [word, true]))] : [KIND.string];
    case "number":
      return [KIND.number, shape.min, shape.max];
    case "list":
    case "map":
      return [KIND[shape.kind], tableOf(shape.of)];
    case "object":
      return [KIND.object, byName(Object.entries(shape.fields).map(([name, inner]) => [name, tableOf(inner)]))];
    default:
      return [KIND[shape.kind]];
  }
}

/** Whether a value is of a shape, and every field in it a known one. To be made when a module is loaded. */
export function fitter(shape: FieldShape): (value: unknown) => boolean {
  const table = tableOf(shape);
  return (value) => native.fits(table, value);
}

/** faultOf for one shape. To be made when a module is loaded. */
export function checker(shape: FieldShape): (value: unknown) => Fault | undefined {
  const fits = fitter(shape);
  return (value) => (fits(value) ? undefined : faultOf(shape, value));
}
