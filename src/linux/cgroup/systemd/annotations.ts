// Annotations org.systemd.property.NAME: properties of the container's unit, as text that D-Bus values are made of.
import { WharfError } from "../../../common/errors.ts";
import { parseValue } from "../../dbus/text.ts";
import type { Variant } from "../../dbus/wire.ts";
import type { Property } from "../../systemd/manager.ts";

const PREFIX = "org.systemd.property.";

/** systemd documents times as …Sec, and takes them as …USec by D-Bus. */
function inMicroseconds(name: string, value: Variant): Property {
  if (!/[a-z]Sec$/.test(name)) return [name, value];
  const { signature, value: number } = value;
  const long = `${name.slice(0, -3)}USec`;
  if (signature === "d") return [long, { signature: "t", value: BigInt(Math.trunc(Number(number) * 1_000_000)) }];
  if (!"ynqiuxt".includes(signature)) throw new WharfError("InvalidArgument", "a time must be a number");
  return [long, { signature: "t", value: BigInt(number as number) * 1_000_000n }];
}

export function annotatedProperties(annotations: Readonly<Record<string, string>> | undefined): Property[] {
  const out: Property[] = [];
  for (const key in annotations) {
    if (!key.startsWith(PREFIX)) continue;
    const name = key.slice(PREFIX.length);
    try {
      if (!/^[A-Za-z]{3,}$/.test(name))
        throw new WharfError("InvalidArgument", "the name must be letters, three or more");
      out.push(inMicroseconds(name, parseValue(annotations[key]!)));
    } catch (cause) {
      throw new WharfError("InvalidArgument", `annotations: ${key}`, { subject: key, cause });
    }
  }
  return out;
}
