// --filter NAME=VALUE, as the API takes it: {"NAME":{"VALUE":true}}.
import { WharfError } from "../errors.ts";
import { cut, type Flag } from "./flags.ts";

export type Filters = Readonly<Record<string, Readonly<Record<string, true>>>>;

/** `names`: those that the API knows, for completion. */
export function filter(help: string, ...names: readonly string[]): Flag<Filters> {
  return {
    words: names.map((name) => `${name}=`),
    type: "NAME=VALUE",
    short: "f",
    help,
    initial: {},
    parse: (text, before) => {
      const [name, value] = cut(text, "=");
      if (value === undefined || name.trim() === "") {
        throw new WharfError("InvalidArgument", "it is not NAME=VALUE", { hint: "for example --filter status=exited" });
      }
      const key = name.trim().toLowerCase();
      return { ...before, [key]: { ...before[key], [value.trim()]: true } };
    },
  };
}

/** The query parameter, or undefined without any filter. */
export function encodeFilters(filters: Filters): string | undefined {
  return Object.keys(filters).length === 0 ? undefined : JSON.stringify(filters);
}
