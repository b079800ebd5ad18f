// Go's fmt.Sprintf, Sprint and Sprintln for the values of templates.
import { encodeUtf8 } from "../utf8.ts";
import { exponent, format, quote, typeName } from "./values.ts";

interface Spec {
  readonly flags: string;
  readonly width: number | undefined;
  readonly precision: number | undefined;
  readonly verb: string;
}

const SPEC = /%([-+# 0]*)(\*|\d+)?(?:\.(\*|\d+)?)?(.)?/gsu;

export function sprintf(text: string, args: readonly unknown[]): string {
  let used = 0;
  const take = () => args[used++];
  let out = text.replace(
    SPEC,
    (whole, flags: string, width: string | undefined, precision: string | undefined, verb?: string) => {
      if (verb === undefined) return "%!(NOVERB)";
      if (verb === "%") return "%";
      const number = (part: string | undefined) =>
        part === "*" ? Number(take()) : part === undefined ? undefined : Number(part);
      const wide = number(width);
      const dotted = whole.slice(1).includes(".");
      const spec: Spec = {
        flags: flags + (wide !== undefined && wide < 0 ? "-" : ""),
        width: wide === undefined ? undefined : Math.abs(wide),
        precision: number(precision) ?? (dotted ? 0 : undefined),
        verb,
      };
      if (used >= args.length) return `%!${verb}(MISSING)`;
      return pad(convert(take(), spec), spec);
    },
  );
  if (used < args.length) {
    const extra = args.slice(used).map((arg) => `${typeName(arg)}=${format(arg)}`);
    out += `%!(EXTRA ${extra.join(", ")})`;
  }
  return out;
}

function pad(text: string, { flags, width, verb }: Spec): string {
  const missing = (width ?? 0) - [...text].length;
  if (missing <= 0) return text;
  if (flags.includes("-")) return text + " ".repeat(missing);
  if (!flags.includes("0") || verb === "s" || verb === "q" || verb === "v") return " ".repeat(missing) + text;
  const sign = /^[+-]/.exec(text)?.[0] ?? "";
  return sign + "0".repeat(missing) + text.slice(sign.length);
}

function wrong(value: unknown, verb: string): string {
  return `%!${verb}(${typeName(value)}=${format(value)})`;
}

function convert(value: unknown, spec: Spec): string {
  const { verb, flags } = spec;
  if (verb === "T") return typeName(value);
  if (verb === "v") return flags.includes("#") && typeof value === "string" ? quote(value) : format(value);
  if (value === undefined || value === null) return `%!${verb}(<nil>)`;
  if (Array.isArray(value) && verb !== "t") return `[${value.map((entry) => convert(entry, spec)).join(" ")}]`;
  if (typeof value === "string") return convertString(value, spec);
  if (typeof value === "boolean") return verb === "t" ? String(value) : wrong(value, verb);
  if (typeof value === "number") return convertNumber(value, spec);
  return verb === "s" ? format(value) : wrong(value, verb);
}

function hex(bytes: Uint8Array, upper: boolean): string {
  const text = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return upper ? text.toUpperCase() : text;
}

function convertString(value: string, { verb, precision }: Spec): string {
  const cut = precision === undefined ? value : [...value].slice(0, precision).join("");
  if (verb === "s") return cut;
  if (verb === "q") return quote(cut);
  if (verb === "x" || verb === "X") return hex(encodeUtf8(cut), verb === "X");
  return wrong(value, verb);
}

const BASES: Readonly<Record<string, [base: number, prefix: string]>> = {
  b: [2, "0b"],
  o: [8, "0"],
  O: [8, "0o"],
  d: [10, ""],
  x: [16, "0x"],
  X: [16, "0X"],
};

function convertNumber(value: number, { verb, flags, precision }: Spec): string {
  const plus = flags.includes("+") && value >= 0 ? "+" : flags.includes(" ") && value >= 0 ? " " : "";
  const base = BASES[verb];
  if (base && Number.isInteger(value)) {
    let digits = Math.abs(value).toString(base[0]);
    if (verb === "X") digits = digits.toUpperCase();
    const prefix = flags.includes("#") || verb === "O" ? base[1] : "";
    return `${value < 0 ? "-" : plus}${prefix}${digits.padStart(precision ?? 0, "0")}`;
  }
  switch (verb) {
    case "c":
      return String.fromCodePoint(value);
    case "q":
      return `'${String.fromCodePoint(value)}'`;
    case "U":
      return `U+${value.toString(16).toUpperCase().padStart(4, "0")}`;
    case "f":
    case "F":
      return Number.isInteger(value) && precision === undefined
        ? wrong(value, verb)
        : plus + toFixed(value, precision ?? 6);
    case "e":
    case "E":
    case "g":
    case "G": {
      const text = exponent(
        verb === "e" || verb === "E"
          ? value.toExponential(precision ?? 6)
          : precision === undefined
            ? String(value)
            : String(Number(value.toPrecision(precision || 1))),
      );
      return plus + (verb === "E" || verb === "G" ? text.toUpperCase() : text);
    }
    default:
      return wrong(value, verb);
  }
}

/** As toFixed, but a tie goes to the even digit, as in Go and C. */
function toFixed(value: number, digits: number): string {
  const rounded = value.toFixed(digits);
  const exact = Math.abs(value).toFixed(Math.min(100, digits + 30));
  const rest = exact.slice(exact.indexOf(".") + 1 + digits);
  const isTie = /^50*$/.test(rest);
  if (!isTie || !/[13579]$/.test(rounded)) return rounded;
  // toFixed went up to an odd digit: the even one is below.
  const step = 10 ** -digits;
  return ((Math.abs(value) - step / 2) * Math.sign(value)).toFixed(digits);
}

/** Values one after the other; a space between two of which neither is a string. */
export function sprint(args: readonly unknown[]): string {
  return args
    .map((arg, i) =>
      i > 0 && typeof arg !== "string" && typeof args[i - 1] !== "string" ? ` ${format(arg)}` : format(arg),
    )
    .join("");
}

export function sprintln(args: readonly unknown[]): string {
  return `${args.map(format).join(" ")}\n`;
}
