import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { isCode, WharfError } from "../../../common/errors.ts";
import type { ContainerRecord } from "../containers/record.ts";
import type { Log } from "../surroundings.ts";
import { BridgeDriver, type NetworkAgent } from "./bridge.ts";
import type { UserNetwork } from "./user-network.ts";

test("restore() goes on where what a start that was cut off has left cannot be taken away", async () => {
  const state = mkdtempSync(join(tmpdir(), "wharf-bridge-"));
  try {
    const id = "5".repeat(64);
    const network = { id, name: "mesh", bridge: "br-5", subnet: "10.9.0.0/24", gateway: "10.9.0.1" } as UserNetwork;
    const dir = join(state, `net-${id.slice(0, 12)}`);
    const [left, other, kept] = ["a", "b", "c"].map((digit) => digit.repeat(24)) as [string, string, string];
    mkdirSync(join(dir, "addresses"), { recursive: true });
    for (const name of [left, other, kept]) writeFileSync(join(dir, name), "");
    writeFileSync(join(dir, `${"c".repeat(64)}.json`), JSON.stringify({ netns: join(dir, kept) }));
    // its writer was killed before there was a word in it
    writeFileSync(join(dir, `${"d".repeat(64)}.json`), "");
    writeFileSync(join(dir, "addresses/10.9.0.2"), `${"b".repeat(64)}\r\neth0`);
    const asked: unknown[] = [];
    const call = async (_: string, { id }: { id: string }) => {
      asked.push(id);
      if (id === left) throw new WharfError("Internal", "EBUSY");
    };
    const logged: unknown[] = [];
    const log: Log = (level, _, fields) => logged.push([level, fields?.id]);
    const driver = new BridgeDriver({ call } as unknown as NetworkAgent, state, log, network);
    await driver.restore();
    // by the whole id where an address tells it
    assert.deepEqual(asked.sort(), [left, "b".repeat(64)]);
    assert.deepEqual(logged, [["error", left]]);
    assert.deepEqual(driver.attached(), ["c".repeat(64)]);
    assert.ok(!existsSync(join(dir, `${"d".repeat(64)}.json`)), "half a note is gone");
  } finally {
    rmSync(state, { recursive: true });
  }
});

test("attach() takes back what an agent that was killed has left of it", async () => {
  const state = mkdtempSync(join(tmpdir(), "wharf-bridge-"));
  try {
    const network = { id: "6".repeat(64), name: "mesh", bridge: "br-6", subnet: "10.9.0.0/24", gateway: "10.9.0.1" };
    for (const [code, expected] of [
      ["Unavailable", ["networkEnsure", "networkAttach", "networkDetach"]],
      ["AlreadyExists", ["networkEnsure", "networkAttach"]],
    ] as const) {
      const asked: string[] = [];
      const call = async (op: string) => {
        asked.push(op);
        if (op === "networkAttach") throw new WharfError(code, "no");
        if (op === "networkDetach") throw new WharfError("Internal", "EBUSY");
      };
      const logged: unknown[] = [];
      const log: Log = (_, message, fields) => logged.push([message, String(fields?.error)]);
      const driver = new BridgeDriver({ call } as unknown as NetworkAgent, state, log, network as UserNetwork);
      const record = { id: "a".repeat(64), networks: {}, hostConfig: {}, config: {} } as unknown as ContainerRecord;
      await assert.rejects(driver.attach(record), (error) => isCode(error, code));
      assert.deepEqual(asked, expected);
      // what stays is told, and the reason of the failure is the caller's
      const left = ["what an agent that died has made of a network is left", "WharfError: EBUSY"];
      assert.deepEqual(logged, expected.includes("networkDetach" as never) ? [left] : []);
    }
  } finally {
    rmSync(state, { recursive: true });
  }
});
