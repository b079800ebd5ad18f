/** What Node does when it is first asked for a connection takes some milliseconds each: in turns of their own. */

import { isIPv6 } from "node:net";
import { nextTurn } from "../turn.ts";
import { trustSystem } from "./authorities.ts";

let plain: Promise<void> | undefined;
let secure: Promise<void> | undefined;

/** Resolves when a connection to such a URL can be asked for without holding up others. */
export function readyFor({ protocol }: URL): Promise<void> {
  plain ??= readyForNames();
  if (protocol !== "https:") return plain;
  secure ??= plain.then(readyForTls);
  return secure;
}

async function readyForNames(): Promise<void> {
  await nextTurn();
  // Its regular expression for IPv6 addresses is compiled: interpreted for the first use, to machine code for the second.
  isIPv6("-");
  await nextTurn();
  isIPv6("-");
  await nextTurn();
}

/** `import` would read all that there is of TLS. */
async function readyForTls(): Promise<void> {
  const { createSecureContext } = process.getBuiltinModule("node:tls");
  await nextTurn();
  process.getBuiltinModule("node:https");
  await trustSystem();
  await nextTurn();
  createSecureContext();
  await nextTurn();
}
