import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { settingsOf } from "./hosts-dir.ts";

test("settingsOf() finds a registry's file where containerd looks, with file names made absolute", async () => {
  const folder = mkdtempSync(join(tmpdir(), "hosts-"));
  const write = (name: string, text: string) => {
    mkdirSync(join(folder, name), { recursive: true });
    writeFileSync(join(folder, name, "hosts.toml"), text);
  };
  try {
    assert.equal(await settingsOf(folder, "r.example"), undefined);
    write("_default", "skip_verify = true\n");
    assert.deepEqual(await settingsOf(folder, "r.example"), { skip_verify: true });
    write(
      "r.example",
      'server = "https://r.example"\nca = "own.pem"\nclient = [["c.pem", "/k.pem"]]\n[host."https://m"]\nca = ["m.pem"]\ncapabilities = ["pull"]\n',
    );
    assert.deepEqual(await settingsOf(folder, "r.example"), {
      server: "https://r.example",
      ca: join(folder, "r.example/own.pem"),
      client: [[join(folder, "r.example/c.pem"), "/k.pem"]],
      host: { "https://m": { ca: [join(folder, "r.example/m.pem")], capabilities: ["pull"] } },
    });
    write("localhost_5000_", 'server = "http://localhost:5000"\n');
    write("localhost:5001", 'server = "http://localhost:5001"\n');
    assert.deepEqual(await settingsOf(folder, "localhost:5000"), { server: "http://localhost:5000" });
    assert.deepEqual(await settingsOf(folder, "localhost:5001"), { server: "http://localhost:5001" });
    write("bad", "skip_verify = 5\n");
    await assert.rejects(settingsOf(folder, "bad"), /bad\/hosts.toml" is wrong/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
