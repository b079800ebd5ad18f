import assert from "node:assert/strict";
import { before, test } from "node:test";
import { messageOf } from "../src/common/protobuf/schema.ts";
import { type Api, type ApiField, ownName, readApi } from "./lib/containerd/api.ts";
import { type Own, ownApi } from "./lib/containerd/own.ts";
import { camelCase } from "./protogen.ts";

/** ttrpc's old form of metadata, which no message names. */
const NOT_OURS = ["ttrpc.StringList"];

let api: Api;
let own: Own;
before(async () => {
  api = readApi();
  own = await ownApi();
});

test("every message of containerd's API has its fields here, by number, name, type and label, and no others", () => {
  assert.ok(api.messages.size > 280, "the messages are found");
  for (const [name, fields] of api.messages) {
    if (NOT_OURS.includes(name)) continue;
    const type = own.messages.get(ownName(name));
    assert.ok(type, `${name} is missing`);
    const found = type.fields.map(({ no, name, presence, key, ...of }) => {
      const target = of.type === "message" ? messageOf({ no, name, presence, key, ...of }).typeName : of.type;
      return { no, name, type: target, key, many: presence === "repeated", optional: presence === "explicit" };
    });
    assert.deepEqual(
      found.sort((a, b) => a.no - b.no),
      fields.map(expected).sort((a, b) => a.no - b.no),
      name,
    );
  }
});

function expected({ no, name, type, key, label }: ApiField) {
  const message = type.includes(".") && !api.enums.has(type);
  return {
    no,
    name: camelCase(name),
    type: api.enums.has(type) ? "enum" : ownName(type),
    key,
    many: label === "repeated",
    optional: label === "optional" || (message && label === "" && key === undefined),
  };
}

test("every enum of containerd's API has its values here", () => {
  assert.ok(api.enums.size >= 5);
  for (const [name, values] of api.enums) {
    const found = own.enums.get(name.slice(name.lastIndexOf(".") + 1));
    assert.ok(found, `${name} is missing`);
    assert.deepEqual(Object.fromEntries(Object.entries(found).map(([one, no]) => [no, one])), values, name);
  }
});

test("every service of containerd's API has its methods here, with their messages and streams, and no others", () => {
  assert.ok(api.services.size > 15);
  for (const [name, calls] of api.services) {
    const service = own.services.get(name);
    assert.ok(service, `${name} is missing`);
    const found = Object.values(service.methods).map(({ name, input, output, kind }) => [
      ...[name, input.typeName, output.typeName, kind],
    ]);
    const wanted = calls.map(({ name, input, output, kind }) => [name, ownName(input), ownName(output), kind]);
    assert.deepEqual(found.sort(), wanted.sort(), name);
  }
});

test("readApi() reads labels, maps and continued lines", () => {
  const { messages } = readApi("a.B\n  1 c string[], 2 d map<string,a.C>,\n  3 e int64?\nenum a.D\n  0 X, 1 Y\n");
  assert.deepEqual(messages.get("a.B"), [
    { no: 1, name: "c", type: "string", key: undefined, label: "repeated" },
    { no: 2, name: "d", type: "a.C", key: "string", label: "" },
    { no: 3, name: "e", type: "int64", key: undefined, label: "optional" },
  ]);
});
