// Images in requests: their names in paths, platforms in queries.

/** A name as it stands in a path: slashes, colons and @ as they are. */
export function imagePath(name: string): string {
  return encodeURIComponent(name).replaceAll("%2F", "/").replaceAll("%3A", ":").replaceAll("%40", "@");
}

/** A platform as the API takes it: JSON. Undefined for none. */
export function platformQuery(text: string): string | undefined {
  if (text === "") return undefined;
  const [os, architecture, variant] = text.split("/");
  return JSON.stringify({ os, ...(architecture ? { architecture } : {}), ...(variant ? { variant } : {}) });
}
