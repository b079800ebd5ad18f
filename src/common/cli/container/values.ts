// Values of the flags that describe a container, checked where Docker's client checks them.
import { WharfError } from "../../errors.ts";
import { cut } from "../flags.ts";

function bad(message: string, hint?: string): WharfError {
  return new WharfError("InvalidArgument", message, { hint });
}

export function attachStream(text: string): string {
  const name = text.toLowerCase();
  if (name !== "stdin" && name !== "stdout" && name !== "stderr") throw bad("the streams are stdin, stdout and stderr");
  return name;
}

export function envEntry(text: string): string {
  if (text === "" || text.startsWith("=")) throw bad("the variable has no name");
  return text;
}

export function labelEntry(text: string): string {
  if (text === "" || text.startsWith("=")) throw bad("the label has no name");
  return text;
}

const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$/;
const IPV6 = /^(?=.*:.*:)[0-9a-fA-F:]+(?:\d{1,3}(?:\.\d{1,3}){3})?(?:%\w+)?$/;

export function ipAddress(text: string): string {
  const address = text.trim();
  if (!IPV4.test(address) && !IPV6.test(address)) throw bad(`${JSON.stringify(text)} is no IP address`);
  return address;
}

/** `NAME:ADDRESS` or `NAME=ADDRESS`; the daemon replaces the address `host-gateway`. */
export function extraHost(text: string): string {
  const [name, address] = text.includes("=") ? cut(text, "=") : cut(text, ":");
  if (name === "" || !address) throw bad("it is not NAME:ADDRESS", "for example db.local:10.0.0.5");
  const plain = address.replace(/^\[(.*)\]$/, "$1");
  return `${name}:${plain === "host-gateway" ? plain : ipAddress(plain)}`;
}

export function dnsSearch(text: string): string {
  const domain = text.trim();
  if (domain === ".") return domain;
  if (!/^[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9])?)*\.?$/.test(domain)) {
    throw bad(`${JSON.stringify(text)} is no domain`);
  }
  return domain.replace(/^\.|\.$/g, "");
}

export function deviceRule(text: string): string {
  if (!/^[acb] ([0-9]+|\*):([0-9]+|\*) [rwm]{1,3}$/.test(text)) {
    throw bad("it is no device rule", "a rule is TYPE MAJOR:MINOR ACCESS, for example 'c 1:3 rwm'");
  }
  return text;
}

export interface Ulimit {
  Name: string;
  Soft: number;
  Hard: number;
}

const ULIMITS = new Set([
  "core",
  "cpu",
  "data",
  "fsize",
  "locks",
  "memlock",
  "msgqueue",
  "nice",
  "nofile",
  "nproc",
  "rss",
  "rtprio",
  "rttime",
  "sigpending",
  "stack",
]);

export function parseUlimit(text: string): Ulimit {
  const [name, value] = cut(text, "=");
  if (!value) throw bad("it is not NAME=SOFT[:HARD]");
  if (!ULIMITS.has(name))
    throw bad(`there is no limit ${JSON.stringify(name)}`, `the limits are ${[...ULIMITS].join(", ")}`);
  const parts = value.split(":");
  const numbers = parts.map((part) => (part === "-1" || part === "unlimited" ? -1 : Number(part)));
  if (parts.length > 2 || parts.includes("") || !numbers.every((n) => Number.isSafeInteger(n) && n >= -1)) {
    throw bad(`${JSON.stringify(value)} is not SOFT[:HARD]`);
  }
  const [soft = 0, hard = soft] = numbers;
  if (hard !== -1 && (soft > hard || soft === -1)) throw bad(`the soft limit ${soft} is above the hard limit ${hard}`);
  return { Name: name, Soft: soft, Hard: hard };
}

export interface WeightDevice {
  Path: string;
  Weight: number;
}

export function parseWeight(text: string): WeightDevice {
  const [path, weight] = cut(text, ":");
  if (!path.startsWith("/dev/")) throw bad("the device is a path below /dev");
  const value = Number(weight);
  if (!weight || !Number.isInteger(value) || (value !== 0 && (value < 10 || value > 1000))) {
    throw bad("the weight is a number from 10 to 1000, or 0");
  }
  return { Path: path, Weight: value };
}

export interface DeviceRequest {
  Driver?: string;
  Count?: number;
  DeviceIDs?: string[];
  Capabilities?: string[][];
  Options?: Record<string, string>;
}

/** `all`, a number, or `device=0,driver=nvidia,capabilities=gpu`. */
export function parseGpus(text: string): DeviceRequest {
  const request: DeviceRequest & { Count: number } = {
    Driver: "",
    Count: 0,
    DeviceIDs: [],
    Capabilities: [],
    Options: {},
  };
  const capabilities = new Set(["gpu"]);
  let counted = false;
  for (const field of splitCsv(text)) {
    const [key, value] = cut(field, "=");
    if (value === undefined || key === "count") {
      const count = value ?? key;
      request.Count = count === "all" ? -1 : Number(count);
      if (!Number.isInteger(request.Count)) throw bad(`${JSON.stringify(count)} is neither all nor a number`);
      counted = true;
    } else if (key === "device") request.DeviceIDs = value.split(",");
    else if (key === "driver") request.Driver = value;
    else if (key === "capabilities") for (const name of value.split(",")) capabilities.add(name);
    else if (key === "options")
      for (const option of value.split(",")) request.Options![cut(option, "=")[0]] = cut(option, "=")[1] ?? "";
    else throw bad(`unknown key ${JSON.stringify(key)}`);
  }
  if (!counted && request.DeviceIDs!.length === 0) request.Count = 1;
  request.Capabilities = [[...capabilities]];
  return request;
}

/** One line of comma-separated values; a field in double quotes may hold commas (RFC 4180). */
export function splitCsv(text: string): string[] {
  const fields: string[] = [];
  let field = "";
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!;
    if (quoted) {
      if (c !== '"') field += c;
      else if (text[i + 1] === '"') field += text[++i]!;
      else quoted = false;
    } else if (c === '"' && field === "") quoted = true;
    else if (c === '"') throw bad('a quote stands inside a field; the whole field must be quoted: "a,b"');
    else if (c === ",") {
      fields.push(field);
      field = "";
    } else field += c;
  }
  if (quoted) throw bad("a quote is not closed");
  fields.push(field);
  return fields;
}
