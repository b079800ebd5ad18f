// `run --cni`: a container's network by CNI. That it has one is written down in its record as the original does.

import { describe, WharfError } from "../../common/errors.ts";
import type { Container } from "../../common/gen/containerd/services/containers.ts";
import type { AnyLike } from "../../common/protobuf/any.ts";
import { cniClient, cniPlaces, defaultNetwork, detach, INTERFACE } from "../cni/networks.ts";
import type { Ctr } from "./ctr.ts";

const EXTENSION = "ctr.cni-containerd.metadata";

export function cniExtension(): Record<string, AnyLike> {
  const typeUrl = "github.com/containerd/containerd/v2/cmd/ctr/commands/NetworkMetaData";
  return { [EXTENSION]: { typeUrl, value: native.bytes(JSON.stringify({ EnableCni: true })) } };
}

/** Attaches a container that was created and has not started yet: to all of the network or, when that fails, to nothing of it. */
export function attachNetwork(ctr: Ctr, { id }: Container, pid: number): void {
  const places = cniPlaces(ctr.env);
  const network = defaultNetwork(places);
  const client = cniClient(places);
  const attachment = { containerId: fullId(ctr, id), netns: `/proc/${pid}/ns/net`, ifName: INTERFACE };
  try {
    client.add(network, attachment);
  } catch (error) {
    try {
      client.del(network, attachment);
    } catch (other) {
      // a plugin that cannot be called for the one cannot be for the other
      if (describe(other) !== describe(error)) ctr.warn(`the network of ${id} stays: ${describe(other)}`);
    }
    throw error;
  }
}

function fullId(ctr: Ctr, id: string): string {
  return `${ctr.globals.namespace}-${id}`;
}

/** Detaches a container whose task has ended, when it was attached. What fails is told and no more: the container goes anyway. */
export function detachNetwork(ctr: Ctr, { id, extensions }: Container): void {
  const { value } = extensions[EXTENSION] ?? {};
  if (!value || !(JSON.parse(native.utf8(value)) as { EnableCni?: boolean }).EnableCni) return;
  try {
    detach(cniPlaces(ctr.env), fullId(ctr, id));
  } catch (error) {
    if (!(error instanceof WharfError)) throw error;
    ctr.warn(`the network of ${id} stays: ${error.message}`);
  }
}
