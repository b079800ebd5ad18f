// The agent moves the layers, as it does over plain http.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startAgent } from "../../../src/daemon/agent/client.ts";
import { faultsSuite } from "./faults.ts";

faultsSuite(async () => {
  const state = mkdtempSync(join(tmpdir(), "faults-agent-"));
  const agent = await startAgent({ state });
  return {
    sendFile: (request) => agent.sendFile(request),
    fetchFile: (request) => agent.fetchFile(request),
    [Symbol.asyncDispose]: async () => {
      await agent[Symbol.asyncDispose]();
      rmSync(state, { recursive: true });
    },
  };
});
