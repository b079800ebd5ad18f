import assert from "node:assert/strict";
import { test } from "node:test";
import { bareSchema, type Schema } from "../src/common/docker/schema.ts";
import { dockerOperations } from "../src/daemon/docker/api.ts";
import type { Engine } from "../src/daemon/docker/engine.ts";
import { apiOperations, apiRows } from "./lib/docker-api.ts";
import { dockerApiLedger } from "./lib/docker-api-ledger.ts";
import { assertComplete } from "./lib/evidence.ts";

test("every operation and parameter of the Engine API has a test or a reason, and no row is left over", () => {
  assert.ok(apiRows().length > 500, "the API's rows are there");
  assertComplete(apiRows(), dockerApiLedger());
});

/** Whether the body's schema has the field, by its path. */
function declares(schema: Schema | undefined, path: readonly string[]): boolean {
  const bare = schema && bareSchema(schema);
  if (path.length === 0 || bare?.kind === "any") return true;
  if (bare?.kind === "array" || bare?.kind === "map") return declares(bare.of, path);
  if (bare?.kind !== "object") return false;
  const field = bare.fields[path[0]!];
  return field !== undefined && declares(field, path.slice(1));
}

test("what has a test is declared, by operation, parameter and field", () => {
  // No handler is called: the engine is not looked at.
  const served = new Map(dockerOperations({} as Engine).map((one) => [one.id, one]));
  const ledger = dockerApiLedger();
  for (const { id, method, path, parts } of apiOperations()) {
    const own = served.get(id);
    assert.ok(own, `${id} is known`);
    assert.equal(`${own.method} ${own.path.replaceAll("*}", "}")}`, `${method} ${path}`);
    const refused = "reason" in ledger[id]!;
    assert.equal(
      own.summary === "not there yet" || id === "ImageSearch" || id === "VolumeUpdate",
      refused,
      `${id} is refused`,
    );
    for (const part of parts) {
      if ("reason" in ledger[`${id}${part}`]! || part === ".body") continue;
      const name = part.slice(1).replace(/=.*/, "");
      if (part.startsWith("?")) assert.ok(name in own.query, `${id} reads ${part}`);
      else if (part.startsWith(".")) {
        const fields = name.replace(/^NetworkingConfig\./, "NetworkingConfig.EndpointsConfig.").split(".");
        // Of images that are mounted all is refused.
        if (name.includes("ImageOptions")) continue;
        assert.ok(declares(own.body, fields), `${id} reads ${part}`);
      }
    }
  }
});
