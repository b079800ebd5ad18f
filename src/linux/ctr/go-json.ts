// Messages of containerd's API as Go writes them in JSON: names with underscores, nothing that is empty.

/** `keep`: messages that are there but empty are shown, as pointers to them are; maps have to be told apart by the caller. */
export function goJson(value: unknown, keep: "messages" | "nothing" = "messages"): unknown {
  if (typeof value === "bigint") return Number(value);
  if (value instanceof Uint8Array) return native.utf8(value);
  if (Array.isArray(value)) return value.map((one) => goJson(one, keep));
  if (typeof value !== "object" || value === null) return value;
  const shown: Record<string, unknown> = {};
  for (const [key, one] of Object.entries(value)) {
    if (isEmpty(one, keep)) continue;
    shown[key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)] = goJson(one, keep);
  }
  return shown;
}

function isEmpty(value: unknown, keep: "messages" | "nothing"): boolean {
  if (value === undefined || value === "" || value === 0 || value === 0n || value === false) return true;
  if (Array.isArray(value) || value instanceof Uint8Array) return value.length === 0;
  return keep === "nothing" && typeof value === "object" && value !== null && Object.keys(value).length === 0;
}
