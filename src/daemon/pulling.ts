/** The registry client and what pulls and pushes with it: loaded with the first use, for TLS alone takes 10 ms of the daemon's start. */

import { homedir } from "node:os";
import { join } from "node:path";
import type { Config } from "./config.ts";
import type { Registries } from "./docker/engine.ts";
import type { Log } from "./log.ts";
import { Registry } from "./registry/client.ts";
import { dockerConfigSource } from "./registry/credentials.ts";
import type { FileMover } from "./registry/http.ts";
import { Puller } from "./transfer/pull.ts";
import { Pusher } from "./transfer/push.ts";
import { imageVerifier } from "./transfer/verify.ts";

export function createRegistries(file: Config | undefined, log: Log, agent: FileMover): Disposable & Registries {
  const config = file?.registries;
  const verifier = file?.imageVerifier;
  const registry = new Registry({
    agent,
    ...(config ? { config } : {}),
    credentials: dockerConfigSource(join(homedir(), ".docker/config.json")),
  });
  return {
    registry,
    puller: new Puller({ registry, verify: verifier && imageVerifier(verifier, log) }),
    pusher: new Pusher({ registry }),
    [Symbol.dispose]: () => registry[Symbol.dispose](),
  };
}
