/** How the remote services get at their methods: with the namespace, the lease and the trace of the moment. */

import type { Client, Service } from "../../../common/protobuf/schema.ts";
import type { GrpcCallOptions } from "./connection.ts";

export type Caller = <S extends Service>(service: S) => Client<S, GrpcCallOptions>;

export type ClientFor<S extends Service> = Client<S, GrpcCallOptions>;

/** A mask only where there are paths: without one all is updated. */
export function mask(paths: readonly string[] | undefined): { paths: readonly string[] } | undefined {
  return paths && paths.length > 0 ? { paths } : undefined;
}
