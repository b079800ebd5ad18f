// Our own definitions of the messages of containerd's API, as the codec uses them.
import { globSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { MessageType, Service } from "../../../src/common/protobuf/schema.ts";
import { ROOT } from "../native.ts";

export interface Own {
  messages: Map<string, MessageType<unknown>>;
  services: Map<string, Service>;
  /** By their names without a package. */
  enums: Map<string, Readonly<Record<string, number>>>;
}

/** All that proto/containerd and proto/ttrpc define. */
export async function ownApi(): Promise<Own> {
  const own: Own = { messages: new Map(), services: new Map(), enums: new Map() };
  for (const file of globSync("src/common/gen/{containerd,ttrpc}/**/*.ts", { cwd: ROOT }).sort()) {
    const exports = (await import(pathToFileURL(join(ROOT, file)).href)) as Record<string, object>;
    for (const [name, value] of Object.entries(exports)) {
      if ("fields" in value) own.messages.set((value as MessageType<unknown>).typeName, value as MessageType<unknown>);
      else if ("methods" in value) own.services.set((value as Service).typeName, value as Service);
      else own.enums.set(name, value as Readonly<Record<string, number>>);
    }
  }
  return own;
}
