/** The registry client and what pulls with it: loaded with the first pull, for TLS alone takes 10 ms of the daemon's start. */

import { homedir } from "node:os";
import { join } from "node:path";
import { Registry } from "./registry/client.ts";
import type { RegistryConfig } from "./registry/config.ts";
import { dockerConfigSource } from "./registry/credentials.ts";
import { Puller } from "./transfer/pull.ts";

export function createPuller(config: RegistryConfig | undefined): Disposable & { puller: Puller } {
  const registry = new Registry({
    ...(config ? { config } : {}),
    credentials: dockerConfigSource(join(homedir(), ".docker/config.json")),
  });
  return { puller: new Puller({ registry }), [Symbol.dispose]: () => registry[Symbol.dispose]() };
}
