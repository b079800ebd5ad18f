// containerd's API as it is defined: its messages, enums and services by their full names. Facts, to compare ours with.
import { SERVICES_API } from "./api-services.ts";
import { SHIM_API } from "./api-shim.ts";
import { TYPES_API } from "./api-types.ts";

export interface ApiField {
  no: number;
  /** As in the definition: snake_case. */
  name: string;
  /** A scalar's name, or the full name of a message or enum. Of a map that of the values. */
  type: string;
  key: string | undefined;
  label: "" | "optional" | "repeated";
}

export interface ApiCall {
  name: string;
  input: string;
  output: string;
  kind: "unary" | "serverStream" | "clientStream" | "bidiStream";
}

export interface Api {
  messages: Map<string, ApiField[]>;
  /** Names by their numbers. */
  enums: Map<string, Record<number, string>>;
  services: Map<string, ApiCall[]>;
}

/**
 * A name stands at the beginning of its line, after `enum` or `service` when it is no message's; what it has follows, parted by a comma and white space:
 * `NUMBER NAME TYPE` with `[]` for repeated and `?` for optional ones, `NUMBER NAME`, or `NAME [stream] INPUT [stream] OUTPUT`.
 */
export function readApi(text = SERVICES_API + SHIM_API + TYPES_API): Api {
  const api: Api = { messages: new Map(), enums: new Map(), services: new Map() };
  for (const block of text.split(/\n(?=\S)/).map((one) => one.trim())) {
    if (block === "") continue;
    const [head, ...rest] = block.split("\n") as [string, ...string[]];
    const parts = rest
      .join(" ")
      .trim()
      .split(/,\s+/)
      .filter((one) => one !== "");
    const [kind, name] = head.split(" ") as [string, string | undefined];
    if (kind === "enum") api.enums.set(name!, Object.fromEntries(parts.map((one) => one.split(" "))));
    else if (kind === "service") api.services.set(name!, parts.map(call));
    else api.messages.set(head, parts.map(field));
  }
  return api;
}

function field(text: string): ApiField {
  const [no, name, spec] = text.split(" ") as [string, string, string];
  const [, key, type, label] = /^(?:map<(\w+),)?([\w.]+)>?(\[\]|\?)?$/.exec(spec)!;
  return { no: Number(no), name, type: type!, key, label: label === "[]" ? "repeated" : label ? "optional" : "" };
}

function call(text: string): ApiCall {
  const [, name, asks, input, answers, output] = /^(\w+) (stream )?(\S+) (stream )?(\S+)$/.exec(text)!;
  const kind = asks ? (answers ? "bidiStream" : "clientStream") : answers ? "serverStream" : "unary";
  return { name: name!, input: input!, output: output!, kind };
}

/** Version 3 of the shim's task service has the messages of version 2 under its own name, number for number; ours has them once. */
export function ownName(message: string): string {
  return message.replace(/^containerd\.task\.v3\./, "containerd.task.v2.");
}
