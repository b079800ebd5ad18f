// Reads proto3 files: text into a tree. Understands all that proto3 has; complains with file and line.

export interface ProtoFile {
  path: string;
  comment: string;
  package: string;
  imports: string[];
  options: Map<string, string>;
  messages: ProtoMessage[];
  enums: ProtoEnum[];
  services: ProtoService[];
}

export interface ProtoMessage {
  kind: "message";
  name: string;
  comment: string;
  fields: ProtoField[];
  messages: ProtoMessage[];
  enums: ProtoEnum[];
}

export interface ProtoField {
  name: string;
  comment: string;
  no: number;
  type: string;
  /** Of a map's keys. */
  key: string | undefined;
  label: "" | "optional" | "repeated";
  oneof: string | undefined;
}

export interface ProtoEnum {
  kind: "enum";
  name: string;
  comment: string;
  values: { name: string; no: number; comment: string }[];
}

export interface ProtoService {
  name: string;
  comment: string;
  methods: {
    name: string;
    comment: string;
    input: string;
    output: string;
    clientStream: boolean;
    serverStream: boolean;
  }[];
}

interface Token {
  text: string;
  line: number;
  /** What stands in comments before it. */
  comment: string;
  string: boolean;
}

const TOKEN =
  /\s+|\/\/([^\n]*)|\/\*([\s\S]*?)\*\/|("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|([A-Za-z_][\w.]*|\.[A-Za-z_][\w.]*|-?(?:0x[\da-fA-F]+|[\d.]+(?:[eE][+-]?\d+)?)|[{}()[\]<>=;,:+-])/y;

function tokenize(path: string, text: string): Token[] {
  const tokens: Token[] = [];
  let line = 1;
  let comment: string[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const match = TOKEN.exec(text);
    if (!match) throw new Error(`${path}:${line}: unexpected character`);
    const [all, lineComment, blockComment, quoted, word] = match;
    if (lineComment !== undefined) comment.push(lineComment.trim());
    else if (blockComment !== undefined) {
      comment.push(...blockComment.split("\n").map((part) => part.replace(/^\s*\*?\s?/, "").trimEnd()));
    } else if (quoted !== undefined || word !== undefined) {
      const content = quoted ? quoted.slice(1, -1) : word!;
      tokens.push({ text: content, line, comment: comment.join("\n").trim(), string: quoted !== undefined });
      comment = [];
    } else if (/\n\s*\n/.test(all) && tokens.length > 0) comment = [];
    line += all.split("\n").length - 1;
  }
  tokens.push({ text: "", line, comment: "", string: false });
  return tokens;
}

const OPEN: Record<string, string> = { "{": "}", "[": "]", "(": ")" };

class Parser {
  readonly path: string;
  readonly tokens: Token[];
  at = 0;

  constructor(path: string, text: string) {
    this.path = path;
    this.tokens = tokenize(path, text);
  }

  get token(): Token {
    return this.tokens[this.at]!;
  }

  fail(what: string): never {
    throw new Error(`${this.path}:${this.token.line}: ${what}, found "${this.token.text}"`);
  }

  next(): string {
    if (this.at === this.tokens.length - 1) this.fail("unexpected end");
    return this.tokens[this.at++]!.text;
  }

  is(text: string): boolean {
    return this.token.text === text && !this.token.string;
  }

  accept(text: string): boolean {
    if (!this.is(text)) return false;
    this.at++;
    return true;
  }

  expect(text: string): void {
    if (!this.accept(text)) this.fail(`expected "${text}"`);
  }

  name(): string {
    if (!/^\.?[A-Za-z_]/.test(this.token.text) || this.token.string) this.fail("expected a name");
    return this.next();
  }

  integer(): number {
    const value = Number(this.token.text);
    if (!Number.isInteger(value)) this.fail("expected a number");
    this.at++;
    return value;
  }

  /** Steps over a balanced group, from its opening token on. */
  group(): void {
    const close = OPEN[this.next()]!;
    while (!this.is(close)) {
      if (this.token.text in OPEN && !this.token.string) this.group();
      else this.next();
    }
    this.next();
  }

  /** The rest of an `option` statement; only scalar values are told. */
  option(options?: Map<string, string>): void {
    let name = "";
    while (!this.is("=")) name += this.next();
    this.expect("=");
    if (this.is("{")) this.group();
    else {
      let value = "";
      while (!this.is(";")) value += this.next();
      options?.set(name, value);
    }
    this.expect(";");
  }

  statementEnd(): void {
    while (!this.is(";")) this.next();
    this.next();
  }

  type(): string {
    return this.name();
  }

  field(into: ProtoMessage, oneof: string | undefined): void {
    const { comment } = this.token;
    let label: ProtoField["label"] = "";
    if (!oneof && (this.is("optional") || this.is("repeated"))) label = this.next() as "optional" | "repeated";
    if (this.is("required") || this.is("group")) this.fail("proto3 has none of these");
    let key: string | undefined;
    let type = this.type();
    if (type === "map" && this.accept("<")) {
      key = this.type();
      this.expect(",");
      type = this.type();
      this.expect(">");
    }
    const name = this.name();
    this.expect("=");
    const no = this.integer();
    if (no < 1 || no > 536870911) this.fail(`field number ${no} is out of range`);
    if (into.fields.some((field) => field.no === no || field.name === name))
      this.fail(`field ${name} = ${no} is double`);
    if (this.is("[")) this.group();
    this.expect(";");
    into.fields.push({ name, comment, no, type, key, label, oneof });
  }

  message(): ProtoMessage {
    const { comment } = this.token;
    this.expect("message");
    const result: ProtoMessage = { kind: "message", name: this.name(), comment, fields: [], messages: [], enums: [] };
    this.expect("{");
    while (!this.accept("}")) {
      if (this.accept(";")) continue;
      const after = this.tokens[this.at + 1]!.text;
      const declares = this.tokens[this.at + 2]!.text === "{";
      if (this.is("message") && declares) result.messages.push(this.message());
      else if (this.is("enum") && declares) result.enums.push(this.enum());
      else if (this.is("extend")) this.extend();
      else if (this.is("option") && after !== "=" && !/^[A-Za-z_]\w*$/.test(this.tokens[this.at + 2]!.text)) {
        this.next();
        this.option();
      } else if ((this.is("reserved") || this.is("extensions")) && this.tokens[this.at + 2]!.text !== "=") {
        this.statementEnd();
      } else if (this.is("oneof") && declares) {
        this.next();
        const oneof = this.name();
        this.expect("{");
        while (!this.accept("}")) {
          if (this.accept("option")) this.option();
          else this.field(result, oneof);
        }
      } else this.field(result, undefined);
    }
    return result;
  }

  enum(): ProtoEnum {
    const { comment } = this.token;
    this.expect("enum");
    const result: ProtoEnum = { kind: "enum", name: this.name(), comment, values: [] };
    this.expect("{");
    while (!this.accept("}")) {
      if (this.accept(";")) continue;
      if (this.is("option") && this.tokens[this.at + 1]!.text !== "=") {
        this.next();
        this.option();
      } else if (this.is("reserved") && this.tokens[this.at + 1]!.text !== "=") this.statementEnd();
      else {
        const value = { comment: this.token.comment, name: this.name(), no: 0 };
        this.expect("=");
        value.no = this.integer();
        if (this.is("[")) this.group();
        this.expect(";");
        result.values.push(value);
      }
    }
    if (result.values[0]?.no !== 0) this.fail(`the first value of enum ${result.name} must be 0`);
    return result;
  }

  extend(): void {
    this.expect("extend");
    this.type();
    this.group();
  }

  service(): ProtoService {
    const { comment } = this.token;
    this.expect("service");
    const result: ProtoService = { name: this.name(), comment, methods: [] };
    this.expect("{");
    while (!this.accept("}")) {
      if (this.accept(";")) continue;
      if (this.accept("option")) {
        this.option();
        continue;
      }
      const about = this.token.comment;
      this.expect("rpc");
      const name = this.name();
      const side = () => {
        this.expect("(");
        const stream = this.is("stream") && this.tokens[this.at + 1]!.text !== ")" && this.accept("stream");
        const type = this.type();
        this.expect(")");
        return { stream, type };
      };
      const input = side();
      this.expect("returns");
      const output = side();
      if (this.is("{")) this.group();
      else this.expect(";");
      result.methods.push({
        name,
        comment: about,
        input: input.type,
        output: output.type,
        clientStream: input.stream,
        serverStream: output.stream,
      });
    }
    return result;
  }

  file(): ProtoFile {
    const file: ProtoFile = {
      path: this.path,
      comment: this.token.comment,
      package: "",
      imports: [],
      options: new Map(),
      messages: [],
      enums: [],
      services: [],
    };
    this.expect("syntax");
    this.expect("=");
    if (this.next() !== "proto3") this.fail("only proto3 is understood");
    this.expect(";");
    while (this.at < this.tokens.length - 1) {
      if (this.accept(";")) continue;
      if (this.accept("package")) {
        file.package = this.name();
        this.expect(";");
      } else if (this.accept("import")) {
        if (!this.token.string) this.next();
        file.imports.push(this.next());
        this.expect(";");
      } else if (this.accept("option")) this.option(file.options);
      else if (this.is("message")) file.messages.push(this.message());
      else if (this.is("enum")) file.enums.push(this.enum());
      else if (this.is("service")) file.services.push(this.service());
      else if (this.is("extend")) this.extend();
      else this.fail("expected a declaration");
    }
    return file;
  }
}

export function parseProto(path: string, text: string): ProtoFile {
  return new Parser(path, text).file();
}
