/** What can be told of a shim that died: how its process ended, which the agent knows, and the end of its log. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { AgentClient } from "../agent.ts";

/** A connection ends a little before its process. */
const ATTEMPTS = 30;
const PAUSE = 10;

/** For an error's message, in brackets after a space. To be asked before the bundle is removed. `log`: the last lines of the shim's. */
export async function lastWords(bundle: string, log: string, agent: AgentClient): Promise<string> {
  const end = await endOf(bundle, agent).catch(() => "");
  const parts = [end, log === "" ? "its log is empty" : `its log: ${log}`];
  return ` (the shim: ${parts.filter(Boolean).join("; ")})`;
}

async function endOf(bundle: string, agent: AgentClient): Promise<string> {
  const pid = Number(readFileSync(join(bundle, "shim.pid"), "utf8"));
  if (!agent.endOf || !(pid > 0)) return "";
  for (let i = 0; i < ATTEMPTS; i++) {
    const end = await agent.endOf(pid);
    if (end?.signal) return `ended by signal ${end.signal}`;
    if (end) return `ended with status ${end.status}`;
    await sleep(PAUSE);
  }
  return `how its process ${pid} ended is not known`;
}
