// Where the daemon has its socket, state, data and configuration: flags win over the environment, that over the defaults.
import { join } from "../../../common/path.ts";
import { absolute } from "../../sys/fs.ts";

export interface Places {
  readonly root: string;
  readonly state: string;
  readonly config: string;
}

type Env = ReadonlyMap<string, string>;

export function stateOf(env: Env, flag = ""): string {
  return absolute(flag || env.get("WHARF_STATE") || "/run/wharf");
}

export function rootOf(env: Env, flag = ""): string {
  return absolute(flag || env.get("WHARF_ROOT") || "/var/lib/wharf");
}

export function configOf(env: Env, flag = ""): string {
  return absolute(flag || env.get("WHARF_CONFIG") || "/etc/wharf/config.toml");
}

export function socketOf(env: Env, flag = ""): string {
  return join(stateOf(env, flag), "docker.sock");
}

export function logOf(state: string): string {
  return join(state, "wharfd.log");
}

export function pidFileOf(state: string): string {
  return join(state, "wharfd.pid");
}
