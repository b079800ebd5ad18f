// A setting as the file it is written to; one list for create and update, v1 and v2.

export interface Setting {
  /** v1: the controller whose hierarchy holds the file; v2: the controller to enable. */
  controller: string;
  file: string;
  value: string;
  /** The field of config.json that asked for it. */
  field: string;
  /** A kernel without the file is no error. */
  optional?: boolean;
  /** The file where the kernel does not have the first one. */
  instead?: string;
  /** What the kernel refuses beside a value in force may fit when the others are set: then it is tried again. */
  again?: boolean;
}

/** -1 and below mean no limit. */
export const limitText = (value: number, none: string) => (value < 0 ? none : String(value));

/** systemd takes no 0, so it is 1 everywhere, as with runc. */
export const pidsText = (limit: number) => (limit === 0 ? "1" : limitText(limit, "max"));
