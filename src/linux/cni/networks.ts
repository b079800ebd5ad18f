// The networks that a host is configured with, and a container's attachment to the first of them.
import { CniClient } from "../../common/cni/client.ts";
import { type NetworkConfig, parseNetworkFile } from "../../common/cni/config.ts";
import { isCode, WharfError } from "../../common/errors.ts";
import { paddedBase64 } from "../../common/grpc/base64.ts";
import { join } from "../../common/path.ts";
import { exists, readDir, readText } from "../sys/fs.ts";
import { cniHost } from "./host.ts";

export interface CniPlaces {
  /** Of network configurations. */
  configs: string;
  /** Of plugins. */
  plugins: readonly string[];
  /** Of results; libcni's by default. */
  cache?: string | undefined;
}

const CNI_PLACES: CniPlaces = { configs: "/etc/cni/net.d", plugins: ["/opt/cni/bin"] };

/** The usual places, or those that CNI's own tools are told by the environment: NETCONFPATH, CNI_PATH. */
export function cniPlaces(env: ReadonlyMap<string, string>): CniPlaces {
  const path = env.get("CNI_PATH");
  return {
    configs: env.get("NETCONFPATH") || CNI_PLACES.configs,
    plugins: path ? path.split(":").filter((folder) => folder !== "") : CNI_PLACES.plugins,
  };
}

/** The configurations of a folder in the order of their names. Those that are not usable are an error when they are come to. */
function* networksOf(folder: string): Generator<NetworkConfig> {
  const names = exists(folder) ? readDir(folder).map(({ name }) => name) : [];
  for (const name of names.filter((one) => /\.(conf|conflist|json)$/.test(one)).sort()) {
    const path = join(folder, name);
    yield parseNetworkFile(path, readText(path));
  }
}

/** The first one, which is the default by convention. NotFound when there is none. */
export function defaultNetwork({ configs }: CniPlaces): NetworkConfig {
  for (const network of networksOf(configs)) return network;
  throw new WharfError("NotFound", `no network is configured in ${configs}`, {
    hint: "CNI reads the first .conf, .conflist or .json file there; NETCONFPATH names another folder",
  });
}

export function cniClient({ plugins, cache }: CniPlaces): CniClient {
  return new CniClient(cniHost(cache), plugins, (text) => paddedBase64(native.bytes(text)));
}

/** The only interface that the default network brings. */
export const INTERFACE = "eth0";

/** Detaches from the default network; what is gone already, with its namespace, is no error. */
export function detach(places: CniPlaces, containerId: string): void {
  const network = defaultNetwork(places);
  try {
    cniClient(places).del(network, { containerId, netns: "", ifName: INTERFACE });
  } catch (error) {
    if (!isCode(error, "NotFound")) throw error;
  }
}
