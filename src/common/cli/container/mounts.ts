// Values of --mount and --volume.
import { WharfError } from "../../errors.ts";
import { cut, parseBool } from "../flags.ts";
import { parseBytes } from "../units.ts";
import { splitCsv } from "./values.ts";

/** A mount as the API has it; a relative Source still is to be made absolute. */
export interface Mount {
  Type: string;
  Source?: string;
  Target?: string;
  ReadOnly?: boolean;
  Consistency?: string;
  BindOptions?: {
    Propagation?: string;
    NonRecursive?: boolean;
    ReadOnlyNonRecursive?: boolean;
    ReadOnlyForceRecursive?: boolean;
  };
  VolumeOptions?: {
    NoCopy?: boolean;
    Labels?: Record<string, string>;
    DriverConfig?: { Name?: string; Options?: Record<string, string> };
    Subpath?: string;
  };
  ImageOptions?: { Subpath?: string };
  TmpfsOptions?: { SizeBytes?: number; Mode?: number };
}

function bad(message: string): WharfError {
  return new WharfError("InvalidArgument", message, {
    hint: "for example type=bind,source=/data,target=/data,readonly",
  });
}

const SWITCHES = new Set(["readonly", "ro", "volume-nocopy", "bind-nonrecursive"]);

type Setter = (mount: Mount, value: string) => void;

function pair(target: Record<string, string>, text: string): void {
  const [key, value = ""] = cut(text, "=");
  if (key !== "") target[key] = value;
}

function volume(mount: Mount): NonNullable<Mount["VolumeOptions"]> {
  return (mount.VolumeOptions ??= { Labels: {}, DriverConfig: {} });
}

function recursive(mount: Mount, value: string): void {
  const bind = (mount.BindOptions ??= {});
  if (value === "disabled") bind.NonRecursive = true;
  else if (value === "writable") bind.ReadOnlyNonRecursive = true;
  else if (value === "readonly") bind.ReadOnlyForceRecursive = true;
  else if (value !== "enabled")
    throw bad(`bind-recursive is enabled, disabled, writable or readonly, not ${JSON.stringify(value)}`);
}

const source: Setter = (mount, value) => {
  mount.Source = value;
};
const target: Setter = (mount, value) => {
  mount.Target = value;
};
const readonly: Setter = (mount, value) => {
  mount.ReadOnly = parseBool(value);
};

const KEYS: Readonly<Record<string, Setter>> = {
  type: (mount, value) => {
    mount.Type = value.toLowerCase();
  },
  source,
  src: source,
  target,
  dst: target,
  destination: target,
  readonly,
  ro: readonly,
  consistency: (mount, value) => {
    mount.Consistency = value.toLowerCase();
  },
  "bind-propagation": (mount, value) => {
    (mount.BindOptions ??= {}).Propagation = value.toLowerCase();
  },
  "bind-nonrecursive": (mount, value) => {
    (mount.BindOptions ??= {}).NonRecursive = parseBool(value);
  },
  "bind-recursive": recursive,
  "volume-subpath": (mount, value) => {
    volume(mount).Subpath = value;
  },
  "volume-nocopy": (mount, value) => {
    volume(mount).NoCopy = parseBool(value);
  },
  "volume-label": (mount, value) => pair((volume(mount).Labels ??= {}), value),
  "volume-driver": (mount, value) => {
    (volume(mount).DriverConfig ??= {}).Name = value;
  },
  "volume-opt": (mount, value) => pair(((volume(mount).DriverConfig ??= {}).Options ??= {}), value),
  "image-subpath": (mount, value) => {
    (mount.ImageOptions ??= {}).Subpath = value;
  },
  "tmpfs-size": (mount, value) => {
    (mount.TmpfsOptions ??= {}).SizeBytes = parseBytes(value);
  },
  "tmpfs-mode": (mount, value) => {
    if (!/^[0-7]{1,5}$/.test(value)) throw bad(`tmpfs-mode is an octal number, not ${JSON.stringify(value)}`);
    (mount.TmpfsOptions ??= {}).Mode = Number.parseInt(value, 8);
  },
};

/** One value of --mount. */
export function parseMount(text: string): Mount {
  const mount: Mount = { Type: "volume" };
  for (const field of splitCsv(text)) {
    const [rawKey, value] = cut(field, "=");
    const key = rawKey.toLowerCase();
    const setter = Object.hasOwn(KEYS, key) ? KEYS[key]! : undefined;
    if (!setter) throw bad(`unknown key ${JSON.stringify(key)}`);
    if (value === undefined && !SWITCHES.has(key)) throw bad(`${JSON.stringify(field)} is not KEY=VALUE`);
    setter(mount, value ?? "true");
  }
  if (mount.Type === "") throw bad("the type is missing");
  if (!mount.Target) throw bad("the target is missing");
  const own: readonly [string, unknown, string][] = [
    ["volume", mount.VolumeOptions, "volume"],
    ["image", mount.ImageOptions, "image"],
    ["bind", mount.BindOptions, "bind"],
    ["tmpfs", mount.TmpfsOptions, "tmpfs"],
  ];
  for (const [type, options, prefix] of own) {
    if (options && mount.Type !== type) throw bad(`${prefix}-* options do not go with type=${mount.Type}`);
  }
  const bind = mount.BindOptions;
  if (bind?.ReadOnlyNonRecursive && !mount.ReadOnly) throw bad("bind-recursive=writable needs readonly");
  if (bind?.ReadOnlyForceRecursive && !mount.ReadOnly) throw bad("bind-recursive=readonly needs readonly");
  if (bind?.ReadOnlyForceRecursive && bind.Propagation !== "rprivate")
    throw bad("bind-recursive=readonly needs bind-propagation=rprivate");
  return mount;
}

/** A value of --volume: a bind (made absolute by `absolute`) or named volume for HostConfig.Binds, or an anonymous volume. */
export function parseVolume(text: string, absolute: (path: string) => string): { bind?: string; anonymous?: string } {
  const parts = text.split(":");
  if (parts.length > 3 || text === "" || parts.some((part) => part === "")) {
    throw new WharfError("InvalidArgument", `--volume ${JSON.stringify(text)} is not [SOURCE:]TARGET[:OPTIONS]`, {
      hint: "for example -v ./data:/data:ro",
    });
  }
  const inside = parts.length === 1 ? parts[0]! : parts[1]!;
  if (!inside.startsWith("/")) {
    throw new WharfError(
      "InvalidArgument",
      `--volume ${JSON.stringify(text)}: the target ${JSON.stringify(inside)} is no absolute path`,
    );
  }
  if (parts.length === 1) return { anonymous: inside };
  const from = parts[0]!;
  const home = from === "~" || from.startsWith("~/");
  return { bind: [from.startsWith(".") || home ? absolute(from) : from, ...parts.slice(1)].join(":") };
}
