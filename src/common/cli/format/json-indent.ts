// Indents JSON text without parsing it: order, numbers and escapes stay exactly as the server wrote them.

/** As Go's json.Indent: every line but the first starts with `prefix`. `json` is well-formed. */
export function indentJson(json: string, prefix: string, indent: string): string {
  const parts: string[] = [];
  let depth = 0;
  let from = 0;
  const line = () => `\n${prefix}${indent.repeat(depth)}`;
  const put = (to: number, text: string) => {
    if (to > from) parts.push(json.slice(from, to));
    parts.push(text);
  };
  for (let i = 0; i < json.length; i++) {
    const c = json[i]!;
    if (c === '"') {
      // The end of the string: the next quote that is not escaped.
      for (i++; json[i] !== '"'; i++) if (json[i] === "\\") i++;
      continue;
    }
    if (c === " " || c === "\n" || c === "\t" || c === "\r") put(i, "");
    else if (c === ":") put(i, ": ");
    else if (c === ",") put(i, `,${line()}`);
    else if (c === "{" || c === "[") {
      let next = i + 1;
      while (/\s/.test(json[next] ?? "x")) next++;
      if (json[next] === "}" || json[next] === "]") {
        put(i, c + json[next]!);
        i = next;
      } else {
        depth++;
        put(i, `${c}${line()}`);
      }
    } else if (c === "}" || c === "]") {
      depth--;
      put(i, `${line()}${c}`);
    } else continue;
    from = i + 1;
  }
  return parts.join("") + json.slice(from);
}
