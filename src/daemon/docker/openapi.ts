/** The OpenAPI 3 document of the API, made of the same declarations that requests are checked by. */

import type { Schema } from "../../common/docker/schema.ts";
import type { Operation } from "../http/operation.ts";
import type { QueryFields } from "../http/query.ts";
import { API_HIGHEST } from "./version.ts";

type Json = Record<string, unknown>;

export function openApiDocument(operations: readonly Operation[]): Json {
  const definitions = new Map<string, Json>();
  const paths: Record<string, Json> = {};
  for (const operation of operations) {
    const path = operation.path.replaceAll("*}", "}");
    paths[path] = { ...paths[path], [operation.method.toLowerCase()]: describe(operation, definitions) };
  }
  const error = { type: "object", properties: { message: { type: "string" } }, required: ["message"] };
  return {
    openapi: "3.1.0",
    info: { title: "Docker Engine API as Wharf serves it", version: `1.${API_HIGHEST}` },
    servers: [{ url: `/v1.${API_HIGHEST}` }, { url: "/" }],
    paths: Object.fromEntries(Object.entries(paths).sort(([a], [b]) => (a < b ? -1 : 1))),
    components: {
      schemas: { ...Object.fromEntries([...definitions].sort(([a], [b]) => (a < b ? -1 : 1))), Error: error },
      responses: {
        Error: { description: "what went wrong", content: { "application/json": { schema: reference("Error") } } },
      },
    },
  };
}

function describe(operation: Operation, definitions: Map<string, Json>): Json {
  const { id, summary, path, query, body, bodyOptional, answer } = operation;
  const parameters = [
    ...[...path.matchAll(/\{(\w+)\*?\}/g)].map(([, name]) => ({
      name,
      in: "path",
      required: true,
      schema: { type: "string" },
    })),
    ...Object.entries(query).map(([name, parameter]) => ({
      name,
      in: "query",
      ...(parameter.doc ? { description: parameter.doc } : {}),
      ...queryForm(parameter.kind),
    })),
  ];
  const success: Json = { description: "done" };
  if (answer) success.content = { "application/json": { schema: shape(answer, definitions) } };
  return {
    operationId: id,
    summary,
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(body
      ? {
          requestBody: {
            required: !bodyOptional,
            content: { "application/json": { schema: shape(body, definitions) } },
          },
        }
      : {}),
    responses: { "2XX": success, default: { $ref: "#/components/responses/Error" } },
  };
}

function queryForm(kind: QueryFields[string]["kind"]): Json {
  switch (kind) {
    case "strings":
      return { schema: { type: "array", items: { type: "string" } }, style: "form", explode: true };
    case "filters": {
      const values = { type: "array", items: { type: "string" } };
      return { content: { "application/json": { schema: { type: "object", additionalProperties: values } } } };
    }
    default:
      return { schema: { type: kind } };
  }
}

/** JSON Schema of one of ours. Objects with a name become definitions. */
function shape(schema: Schema, definitions: Map<string, Json>): Json {
  const described = (json: Json): Json => ("doc" in schema && schema.doc ? { ...json, description: schema.doc } : json);
  switch (schema.kind) {
    case "any":
      return described({});
    case "optional":
      return shape(schema.of, definitions);
    case "nullable":
      return { anyOf: [shape(schema.of, definitions), { type: "null" }] };
    case "array":
      return described({ type: "array", items: shape(schema.of, definitions) });
    case "map":
      return described({ type: "object", additionalProperties: shape(schema.of, definitions) });
    case "string":
      return described({
        type: "string",
        ...("values" in schema && schema.values ? { enum: [...schema.values] } : {}),
      });
    case "object":
      return object(schema, definitions);
    default:
      return described({ type: schema.kind });
  }
}

function object(schema: Extract<Schema, { kind: "object" }>, definitions: Map<string, Json>): Json {
  const make = () => {
    const fields = Object.entries(schema.fields);
    const required = fields.filter(([, field]) => field.kind !== "optional").map(([name]) => name);
    return {
      type: "object",
      properties: Object.fromEntries(fields.map(([name, field]) => [name, shape(field, definitions)])),
      ...(required.length > 0 ? { required } : {}),
    };
  };
  if (schema.name === "") return make();
  const made = make();
  const text = JSON.stringify(made);
  // What a request may leave out, an answer may not: the same name with other fields gets a number.
  for (let n = 1; ; n++) {
    const name = n === 1 ? schema.name : `${schema.name}${n}`;
    const there = definitions.get(name);
    if (there && JSON.stringify(there) !== text) continue;
    definitions.set(name, made);
    return reference(name);
  }
}

function reference(name: string): Json {
  return { $ref: `#/components/schemas/${name}` };
}
