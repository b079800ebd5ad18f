/** What a handler learns about its call. */

import { WharfError } from "../../common/errors.ts";
import { metadata, type RequestHeaders } from "../../common/grpc/request.ts";
import type { Containerd, ContainerdCore } from "../containerd/api.ts";

export interface CallContext {
  readonly headers: RequestHeaders;
  /** Aborted when the client cancels, goes away, or its deadline is over. */
  readonly signal: AbortSignal;
}

const NAMESPACE = "containerd-namespace";
const LEASE = "containerd-lease";

/** The services as the caller sees them. FailedPrecondition without a namespace. */
export function clientOf(core: ContainerdCore, { headers }: CallContext): Containerd {
  const namespace = first(headers, NAMESPACE);
  if (!namespace) {
    throw new WharfError("FailedPrecondition", "namespace is required", {
      hint: `send it as the metadata ${NAMESPACE}`,
    });
  }
  return bound(core.namespace(namespace), headers);
}

/** For calls that concern all namespaces. */
export function anyClientOf(core: ContainerdCore, { headers }: CallContext): Containerd {
  return bound(core.namespace(first(headers, NAMESPACE) || "default"), headers);
}

function bound(client: Containerd, headers: RequestHeaders): Containerd {
  const lease = first(headers, LEASE);
  return lease ? client.withLease(lease) : client;
}

/** A client may send one several times (BuildKit does, lease in lease): as with containerd the first counts. Those of one name come joined by commas and spaces. */
function first(headers: RequestHeaders, name: string): string | undefined {
  return metadata(headers, name)?.split(", ", 1)[0];
}
