// Manifests and indexes written as Go's encoder writes them, so that what is the same gets the same digest.

const DOCUMENT = [
  "schemaVersion",
  "mediaType",
  "artifactType",
  "manifests",
  "config",
  "layers",
  "subject",
  "annotations",
];
const DESCRIPTOR = ["mediaType", "digest", "size", "urls", "annotations", "data", "platform", "artifactType"];
const PLATFORM = ["architecture", "os", "os.version", "os.features", "variant"];

type Fields = Readonly<Record<string, unknown>>;

function ordered(fields: Fields, names: readonly string[], each: (name: string, value: unknown) => unknown): Fields {
  const shown = names.filter((name) => fields[name] !== undefined && fields[name] !== null);
  return Object.fromEntries(shown.map((name) => [name, each(name, fields[name])]));
}

function sorted(value: unknown): unknown {
  return Object.fromEntries(Object.entries(value as Fields).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function descriptor(value: Fields): Fields {
  return ordered(value, DESCRIPTOR, (name, one) => {
    if (name === "platform") return ordered(one as Fields, PLATFORM, (_, field) => field);
    return name === "annotations" ? sorted(one) : one;
  });
}

/** A manifest or an index: the specification's fields in its order, and HTML's characters escaped. */
export function goDocument(document: object): string {
  const shown = ordered(document as Fields, DOCUMENT, (name, value) => {
    if (name === "manifests" || name === "layers") return (value as Fields[]).map(descriptor);
    if (name === "config" || name === "subject") return descriptor(value as Fields);
    return name === "annotations" ? sorted(value) : value;
  });
  const escaped = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return JSON.stringify(shown).replace(/[<>&\u2028\u2029]/g, escaped);
}
