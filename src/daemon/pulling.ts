/** The registry client and what pulls and pushes with it: loaded with the first use, for TLS alone takes 10 ms of the daemon's start. */

import { homedir } from "node:os";
import { join } from "node:path";
import type { Registries } from "./docker/engine.ts";
import { Registry } from "./registry/client.ts";
import { dockerConfigSource } from "./registry/credentials.ts";
import type { RegistryConfig } from "./registry/settings.ts";
import { Puller } from "./transfer/pull.ts";
import { Pusher } from "./transfer/push.ts";

export function createRegistries(config: RegistryConfig | undefined): Disposable & Registries {
  const registry = new Registry({
    ...(config ? { config } : {}),
    credentials: dockerConfigSource(join(homedir(), ".docker/config.json")),
  });
  return {
    registry,
    puller: new Puller({ registry }),
    pusher: new Pusher({ registry }),
    [Symbol.dispose]: () => registry[Symbol.dispose](),
  };
}
