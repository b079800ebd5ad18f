import assert from "node:assert/strict";
import { test } from "node:test";
import { dockerOperations } from "./api.ts";
import type { Engine } from "./engine.ts";
import { openApiDocument } from "./openapi.ts";

// biome-ignore lint/suspicious/noExplicitAny: a document
type Any = any;

test("openApiDocument() has every operation, and every reference leads somewhere", () => {
  const operations = dockerOperations({} as Engine);
  const document = openApiDocument(operations) as Any;
  const ids = Object.values(document.paths).flatMap((methods: Any) =>
    Object.values(methods).map((one: Any) => one.operationId),
  );
  assert.deepEqual(ids.sort(), operations.map(({ id }) => id).sort());
  assert.equal(new Set(ids).size, ids.length, "each id once");
  const text = JSON.stringify(document);
  for (const [, name] of text.matchAll(/"#\/components\/schemas\/(\w+)"/g))
    assert.ok(document.components.schemas[name!], `${name}`);
  assert.ok(!text.includes("undefined"));
});

test("openApiDocument() says what a request may leave out and an answer has", () => {
  const { paths, components } = openApiDocument(dockerOperations({} as Engine)) as Any;
  const create = paths["/containers/create"].post;
  const follow = ({ $ref }: { $ref: string }) => components.schemas[$ref.split("/").at(-1)!];
  const request = follow(create.requestBody.content["application/json"].schema);
  assert.equal(request.required, undefined);
  assert.deepEqual(follow(request.properties.HostConfig).properties.Memory, {
    type: "integer",
    description: "bytes; 0: no limit",
  });
  const answer = follow(create.responses["2XX"].content["application/json"].schema);
  assert.deepEqual(answer.required, ["Id", "Warnings"]);
  const list = paths["/containers/json"].get.parameters.map(({ name }: { name: string }) => name);
  assert.deepEqual(list, ["all", "limit", "size", "filters"]);
  assert.equal(paths["/images/{name}/json"].get.parameters[0].in, "path");
});
