// Generates src/common/gen from proto/: an interface and a schema table a message, a table a service. `tools/node tools/protogen.ts`
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { type ProtoEnum, type ProtoField, type ProtoFile, type ProtoMessage, parseProto } from "./lib/proto-parser.ts";

const ROOT = join(import.meta.dirname, "..");

const SCALAR_TYPES: Record<string, string> = {
  double: "number",
  float: "number",
  int32: "number",
  int64: "number",
  uint32: "number",
  uint64: "number",
  sint32: "number",
  sint64: "number",
  fixed32: "number",
  fixed64: "number",
  sfixed32: "number",
  sfixed64: "number",
  bool: "boolean",
  string: "string",
  bytes: "Uint8Array",
};

/** What the generated text itself says; a message of such a name gets an underscore. */
const TAKEN = new Set(["Record", "Uint8Array", "MessageType", "Service", "Method", "Object", "Symbol", "Array"]);

/** A message or enum under its full name. */
interface Declared {
  file: ProtoFile;
  /** In the generated text: Outer_Inner. */
  local: string;
  full: string;
  node: ProtoMessage | ProtoEnum;
}

function declare(files: readonly ProtoFile[]): Map<string, Declared> {
  const all = new Map<string, Declared>();
  const visit = (file: ProtoFile, nodes: readonly (ProtoMessage | ProtoEnum)[], scope: string, prefix: string) => {
    for (const node of nodes) {
      const full = `${scope}.${node.name}`;
      const local = prefix + node.name;
      if (all.has(full)) throw new Error(`${file.path}: ${full} is declared twice`);
      all.set(full, { file, local: TAKEN.has(local) ? `${local}_` : local, full, node });
      if (node.kind === "message") visit(file, [...node.enums, ...node.messages], full, `${local}_`);
    }
  };
  for (const file of files) visit(file, [...file.enums, ...file.messages], file.package, "");
  return all;
}

export function camelCase(name: string): string {
  return name.replace(/_+([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

function comment(text: string, indent: string): string {
  if (!text) return "";
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  if (lines.length === 1) return `${indent}/** ${lines[0]} */\n`;
  return `${indent}/**\n${lines.map((line) => `${indent} * ${line}\n`).join("")}${indent} */\n`;
}

class Generator {
  readonly file: ProtoFile;
  readonly declared: Map<string, Declared>;
  readonly used = new Set<Declared>();
  readonly helpers = new Set<string>();
  readonly done = new Set<string>();

  constructor(file: ProtoFile, declared: Map<string, Declared>) {
    this.file = file;
    this.declared = declared;
  }

  /** Finds a type from where it is named, innermost scope first. */
  resolve(name: string, scope: string): Declared {
    if (name.startsWith(".")) return this.declared.get(name.slice(1)) ?? this.unknown(name);
    for (let at = scope; ; at = at.slice(0, Math.max(0, at.lastIndexOf(".")))) {
      const found = this.declared.get(at ? `${at}.${name}` : name);
      if (found) return found;
      if (!at) this.unknown(name);
    }
  }

  unknown(name: string): never {
    throw new Error(`${this.file.path}: no type ${name} here; is an import missing?`);
  }

  /** How this file calls a type; imports it when it is another file's. */
  ref(type: Declared): string {
    if (type.file === this.file) return type.local;
    if (!this.file.imports.includes(type.file.path)) {
      throw new Error(`${this.file.path}: ${type.full} needs import "${type.file.path}"`);
    }
    this.used.add(type);
    return this.alias(type);
  }

  alias(type: Declared): string {
    const clash = [...this.declared.values()].some(
      (other) =>
        other !== type &&
        other.local === type.local &&
        (other.file === this.file || this.file.imports.includes(other.file.path)),
    );
    return clash ? `${camelCase(type.file.package.replaceAll(".", "_"))}_${type.local}` : type.local;
  }

  get big(): boolean {
    return this.file.options.get("(wharf.bigint)") === "true";
  }

  valueType(field: ProtoField, scope: string): string {
    const scalar = SCALAR_TYPES[field.type];
    if (scalar) return this.big && field.type.endsWith("64") ? "bigint" : scalar;
    return this.ref(this.resolve(field.type, scope));
  }

  isMessage(field: ProtoField, scope: string): boolean {
    return !(field.type in SCALAR_TYPES) && this.resolve(field.type, scope).node.kind === "message";
  }

  property(field: ProtoField, scope: string): string {
    const type = this.valueType(field, scope);
    if (field.key) return `${SCALAR_TYPES[field.key] === "number" ? "Record<number" : "Record<string"}, ${type}>`;
    if (field.label === "repeated") return `${type}[]`;
    return field.label === "optional" || this.isMessage(field, scope) ? `${type} | undefined` : type;
  }

  interface(message: ProtoMessage, full: string, local: string): string {
    let text = `${comment(message.comment === this.file.comment ? "" : message.comment, "")}export interface ${local} {\n`;
    const oneofs = new Set<string>();
    for (const field of message.fields) {
      if (field.oneof === undefined) {
        text += `${comment(field.comment, "  ")}  ${camelCase(field.name)}: ${this.property(field, full)};\n`;
      } else if (!oneofs.has(field.oneof)) {
        oneofs.add(field.oneof);
        const cases = message.fields.filter(({ oneof }) => oneof === field.oneof);
        const union = cases.map((one) => `{ case: "${camelCase(one.name)}"; value: ${this.valueType(one, full)} }`);
        text += `  ${camelCase(field.oneof)}: ${union.join(" | ")} | undefined;\n`;
      }
    }
    return `${text}}\n\n`;
  }

  spec(field: ProtoField, full: string): string {
    let type = JSON.stringify(this.big && field.type.endsWith("64") ? `${field.type}big` : field.type);
    if (!(field.type in SCALAR_TYPES)) {
      const target = this.resolve(field.type, full);
      if (target.node.kind === "enum") type = '"enum"';
      else {
        type = this.ref(target);
        if (target.file === this.file && !this.done.has(target.full)) type = `() => ${type}`;
      }
    }
    const parts = [String(field.no), JSON.stringify(camelCase(field.name)), type];
    if (field.key) parts.push('"map"', JSON.stringify(field.key));
    else if (field.oneof !== undefined) parts.push('"oneof"', JSON.stringify(camelCase(field.oneof)));
    else if (field.label) parts.push(JSON.stringify(field.label));
    return `  [${parts.join(", ")}],\n`;
  }

  enumeration(node: ProtoEnum, local: string): string {
    const values = node.values.map((v) => `${comment(v.comment, "  ")}  ${v.name}: ${v.no},\n`).join("");
    const about = comment(node.comment, "");
    return `${about}export const ${local} = {\n${values}} as const;\nexport type ${local} = number;\n\n`;
  }

  /** The file's messages, each after those it names, as far as they do not go in a circle. */
  ordered(): Declared[] {
    const own = [...this.declared.values()].filter(({ file, node }) => file === this.file && node.kind === "message");
    const result: Declared[] = [];
    const state = new Set<Declared>();
    const visit = (type: Declared) => {
      if (state.has(type)) return;
      state.add(type);
      for (const field of (type.node as ProtoMessage).fields) {
        if (!this.isMessage(field, type.full)) continue;
        const target = this.resolve(field.type, type.full);
        if (target.file === this.file) visit(target);
      }
      result.push(type);
    };
    for (const type of own) visit(type);
    return result;
  }

  text(): string {
    let body = "";
    for (const { file, node, local } of this.declared.values()) {
      if (file === this.file && node.kind === "enum") body += this.enumeration(node, local);
    }
    for (const type of this.ordered()) {
      const { node, full, local } = type;
      const message = node as ProtoMessage;
      body += this.interface(message, full, local);
      const specs = message.fields.map((field) => this.spec(field, full)).join("");
      const list = specs ? `[\n${specs}]` : "[]";
      body += `export const ${local}: MessageType<${local}> = message<${local}>("${full}", ${list});\n\n`;
      this.done.add(full);
      this.helpers.add("message").add("type MessageType");
    }
    for (const service of this.file.services) body += this.service(service);
    return this.header() + body;
  }

  service({ name, comment: about, methods }: ProtoFile["services"][number]): string {
    this.helpers.add("method").add("service");
    const lines = methods.map((m) => {
      const [input, output] = [m.input, m.output].map((type) => this.ref(this.resolve(type, this.file.package)));
      const kind = m.clientStream
        ? m.serverStream
          ? "bidiStream"
          : "clientStream"
        : m.serverStream
          ? "serverStream"
          : "unary";
      const local = m.name[0]!.toLowerCase() + m.name.slice(1);
      return `${comment(m.comment, "  ")}  ${local}: method("${m.name}", ${input}, ${output}, "${kind}"),\n`;
    });
    const full = this.file.package ? `${this.file.package}.${name}` : name;
    return `${comment(about, "")}export const ${name}Service = service("${full}", {\n${lines.join("")}});\n\n`;
  }

  header(): string {
    const here = posix.dirname(this.file.path);
    const relative = (to: string) => {
      const path = posix.relative(here, to);
      return path.startsWith(".") ? path : `./${path}`;
    };
    let text = `// Generated from proto/${this.file.path} by tools/protogen.ts; not to be edited.\n`;
    for (const path of this.file.imports) {
      const names = [...this.used].filter(({ file }) => file.path === path);
      if (names.length === 0) continue;
      const list = names.map((type) => {
        const alias = this.alias(type);
        const name = alias === type.local ? alias : `${type.local} as ${alias}`;
        return type.node.kind === "enum" ? `type ${name}` : name;
      });
      text += `import { ${list.join(", ")} } from "${relative(path.replace(/\.proto$/, ".ts"))}";\n`;
    }
    const helpers = [...this.helpers].sort();
    if (helpers.length) text += `import { ${helpers.join(", ")} } from "${relative("../protobuf/schema.ts")}";\n`;
    return `${text}\n`;
  }
}

/** The generated text of each file, by its path without ".proto". */
export function generateTexts(sources: ReadonlyMap<string, string>): Map<string, string> {
  const files = [...sources].map(([path, text]) => parseProto(path, text));
  const declared = declare(files);
  const known = new Set(files.map(({ path }) => path).concat("google/protobuf/descriptor.proto"));
  for (const file of files) {
    for (const path of file.imports) if (!known.has(path)) throw new Error(`${file.path}: no file ${path}`);
  }
  const texts = new Map<string, string>();
  for (const file of files) {
    if (file.messages.length + file.enums.length + file.services.length === 0) continue;
    texts.set(file.path.replace(/\.proto$/, ""), new Generator(file, declared).text());
  }
  return texts;
}

/** Brings src/common/gen up to date; a file that would not change is left alone, one that has no source any more is removed. */
export function generate(from = join(ROOT, "proto"), to = join(ROOT, "src/common/gen")): void {
  const paths = globSync("**/*.proto", { cwd: from }).sort();
  const texts = generateTexts(new Map(paths.map((path) => [path, readFileSync(join(from, path), "utf8")])));
  const wanted = new Set<string>();
  for (const [path, text] of texts) {
    const out = join(to, `${path}.ts`);
    wanted.add(`${path}.ts`);
    let old: string | undefined;
    try {
      old = readFileSync(out, "utf8");
    } catch {}
    if (old === text) continue;
    mkdirSync(dirname(out), { recursive: true });
    writeFileSync(out, text);
  }
  for (const path of globSync("**/*.ts", { cwd: to })) if (!wanted.has(path)) rmSync(join(to, path));
}

if (import.meta.main) generate();
