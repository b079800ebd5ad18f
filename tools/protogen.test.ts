import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { parseProto } from "./lib/proto-parser.ts";
import { camelCase, generate, generateTexts } from "./protogen.ts";

const all = `// What it is.
syntax = "proto3";
package a.b;
import public "other.proto";
option go_package = "x;y";
option (thing) = { a: 1 b { c: "}" } };

/* A circle. */
message Tree {
  reserved 3, 5 to max;
  reserved "old";
  // left and right
  repeated Tree children = 1;
  message Inner { string message = 1; int64 repeated = 2 [deprecated = true, (x.y) = "a]b"]; }
  enum Kind { option allow_alias = true; NONE = 0; SOME = -1; MORE = 0x10; }
  Inner inner = 2;
  Kind kind = 4;
  oneof which_one { string name = 6; .other.Far far = 7; }
  map<int32, Inner> by_number = 8;
  optional bool maybe = 9;
  other.Far near = 10;
}
service Forest {
  rpc Plant(Tree) returns (stream other.Far) { option (google.api.http) = { get: "/x" }; }
  rpc Cut(stream Tree) returns (Tree);
}
`;
const other = `syntax = "proto3"; package other; message Far {} message Tree {}`;

test("the generator understands all of proto3's declarations", () => {
  const texts = generateTexts(
    new Map([
      ["a/all.proto", all],
      ["other.proto", other],
    ]),
  );
  const text = texts.get("a/all")!;
  for (const line of [
    'import { Far } from "../other.ts";',
    "/** A circle. */\nexport interface Tree {",
    "  /** left and right */\n  children: Tree[];",
    "  inner: Tree_Inner | undefined;",
    '  whichOne: { case: "name"; value: string } | { case: "far"; value: Far } | undefined;',
    "  byNumber: Record<number, Tree_Inner>;",
    "  maybe: boolean | undefined;",
    '  [1, "children", () => Tree, "repeated"],',
    '  [4, "kind", "enum"],',
    '  [7, "far", Far, "oneof", "whichOne"],',
    '  [8, "byNumber", Tree_Inner, "map", "int32"],',
    '  [9, "maybe", "bool", "optional"],',
    "  SOME: -1,\n  MORE: 16,",
    '  plant: method("Plant", Tree, Far, "serverStream"),',
    '  cut: method("Cut", Tree, Tree, "clientStream"),',
    "  message: string;\n  repeated: number;",
  ]) {
    assert.ok(text.includes(line), `${line}\nis not in\n${text}`);
  }
  assert.ok(text.indexOf("const Tree_Inner") < text.indexOf("const Tree:"), "what is named comes first");
});

test("mistakes are told with file and line", () => {
  const bad = (text: string, pattern: RegExp) => assert.throws(() => parseProto("x.proto", text), pattern);
  bad('syntax = "proto2";', /x.proto:1: only proto3/);
  bad('syntax = "proto3";\nmessage A {\n  string a = 0;\n}', /x.proto:3: field number 0/);
  bad('syntax = "proto3";\nmessage A { string a = 1; string b = 1; }', /field b = 1 is double/);
  bad('syntax = "proto3";\nenum A { B = 1; }', /first value/);
  bad('syntax = "proto3";\nmessage A { string a = 1', /x.proto:2/);
  bad('syntax = "proto3";\n§', /x.proto:2: unexpected character/);
  const generateOne = (text: string) =>
    generateTexts(
      new Map([
        ["x.proto", text],
        ["other.proto", other],
      ]),
    );
  assert.throws(() => generateOne('syntax = "proto3"; message A { Missing m = 1; }'), /no type Missing/);
  assert.throws(() => generateOne('syntax = "proto3"; message A { other.Far m = 1; }'), /needs import "other.proto"/);
  assert.throws(() => generateOne('syntax = "proto3"; import "gone.proto";'), /no file gone.proto/);
});

test("generate() writes only what changed and removes what has no source", (t) => {
  const dir = mkdtempSync(join(tmpdir(), "wharf-protogen-"));
  t.after(() => rmSync(dir, { recursive: true }));
  writeFileSync(join(dir, "other.proto"), other);
  generate(dir, join(dir, "gen"));
  const file = join(dir, "gen/other.ts");
  const { mtimeNs } = statSync(file, { bigint: true });
  writeFileSync(join(dir, "gen/stale.ts"), "");
  generate(dir, join(dir, "gen"));
  assert.deepEqual(readdirSync(join(dir, "gen")), ["other.ts"]);
  assert.equal(statSync(file, { bigint: true }).mtimeNs, mtimeNs);
  assert.match(readFileSync(file, "utf8"), /Generated from proto\/other.proto/);
});

test("camelCase() follows protobuf's JSON names", () => {
  assert.equal(camelCase("io_service_bytes_recursive"), "ioServiceBytesRecursive");
  assert.equal(camelCase("hugetlb_2mb"), "hugetlb2mb");
});
