/** Events of networks and volumes: a container that starts is connected and has its volumes mounted, one that has ended no more. */

import type { Engine } from "../engine.ts";
import { driverOf, networkId } from "../network/view.ts";
import type { Container } from "./container.ts";

const VOLUME_DRIVER = "local";

/** Before the container runs. */
export function tellJoined(engine: Engine, container: Container): void {
  container.joined = true;
  tellNetwork(engine, container, "connect");
  for (const { name, destination, writable, propagation } of volumesOf(container)) {
    engine.events.emit("volume", "mount", name, {
      container: container.id,
      destination,
      driver: VOLUME_DRIVER,
      propagation,
      "read/write": String(writable),
    });
  }
}

/** When it has ended or could not be started; nothing for one that was not told of. */
export function tellLeft(engine: Engine, container: Container): void {
  if (!container.joined) return;
  container.joined = false;
  tellNetwork(engine, container, "disconnect");
  for (const { name } of volumesOf(container))
    engine.events.emit("volume", "unmount", name, { container: container.id, driver: VOLUME_DRIVER });
}

function tellNetwork(engine: Engine, { id, record }: Container, action: string): void {
  const { NetworkMode } = record.hostConfig;
  // Another container's network is that one's.
  if (NetworkMode.startsWith("container:") || record.config.NetworkDisabled) return;
  const name = NetworkMode === "default" ? engine.networks.defaultMode : NetworkMode;
  if (!engine.networks.has(name)) return;
  engine.events.emit("network", action, networkId(engine, name), { container: id, name, type: driverOf(engine, name) });
}

function volumesOf({ record }: Container) {
  return record.mounts.flatMap(({ Type, Name, Destination, RW, Propagation }) =>
    Type === "volume" && Name ? [{ name: Name, destination: Destination, writable: RW, propagation: Propagation }] : [],
  );
}
