/** WWW-Authenticate (RFC 9110, 11.6.1): schemes with their parameters. */

export interface Challenge {
  /** Lower case: `basic`, `bearer`. */
  scheme: string;
  /** Names in lower case. */
  parameters: Readonly<Record<string, string>>;
}

const TOKEN = /[!#$%&'*+\-.^_`|~0-9A-Za-z]+/y;

/** Parses one header value, which may hold several challenges. What cannot be understood ends the list. */
export function parseChallenges(header: string): Challenge[] {
  const list: Challenge[] = [];
  let at = 0;
  const skip = (pattern: RegExp): void => {
    pattern.lastIndex = at;
    if (pattern.test(header)) at = pattern.lastIndex;
  };
  const token = (): string | undefined => {
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(header);
    if (!match) return undefined;
    at = TOKEN.lastIndex;
    return match[0];
  };
  for (;;) {
    skip(/[\s,]*/y);
    const scheme = token();
    if (scheme === undefined) return list;
    const parameters: Record<string, string> = {};
    list.push({ scheme: scheme.toLowerCase(), parameters });
    for (;;) {
      const before = at;
      skip(/[\s,]*/y);
      const name = token();
      skip(/\s*/y);
      // A word without "=" behind it is the next challenge's scheme.
      if (name === undefined || header[at] !== "=") {
        at = before;
        break;
      }
      at++;
      skip(/\s*/y);
      const value = header[at] === '"' ? quoted() : token();
      if (value === undefined) return list;
      parameters[name.toLowerCase()] = value;
    }
  }

  function quoted(): string | undefined {
    let text = "";
    for (at++; at < header.length; at++) {
      const char = header[at]!;
      if (char === '"') {
        at++;
        return text;
      }
      text += char === "\\" ? (header[++at] ?? "") : char;
    }
    return undefined;
  }
}
