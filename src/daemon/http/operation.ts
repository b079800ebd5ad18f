/**
 * Operations of an HTTP API, declared as values: method, path, parameters and body once, from which routing, checking, the
 * handler's types and later the OpenAPI document come. One file holds one group of them.
 */

import type { Infer, Schema } from "../../common/docker/schema.ts";
import type { Exchange } from "./exchange.ts";
import type { Query, QueryFields } from "./query.ts";

export type Method = "GET" | "HEAD" | "POST" | "PUT" | "DELETE";

export interface OperationSpec<Q extends QueryFields, B extends Schema | undefined> {
  /** Docker's operationId: "ContainerCreate". */
  readonly id: string;
  readonly method: Method;
  /** `{name}` takes one path segment, `{name*}` any number. */
  readonly path: string;
  readonly summary: string;
  readonly query?: Q;
  /** The JSON body, where there is one. */
  readonly body?: B;
  /** The body may be missing; `body` is undefined then. */
  readonly bodyOptional?: boolean;
  /** The answer's JSON, for the document. */
  readonly answer?: Schema;
  /** Takes over the connection: the handler calls `hijack()`. */
  readonly hijack?: boolean;
  readonly handler: (exchange: Exchange<Query<Q>, B extends Schema ? Infer<B> : undefined>) => Promise<void> | void;
}

/** An operation whose types are no longer needed: what the router holds. */
export interface Operation {
  readonly id: string;
  readonly method: Method;
  readonly path: string;
  readonly summary: string;
  readonly query: QueryFields;
  readonly body: Schema | undefined;
  readonly bodyOptional: boolean;
  readonly answer: Schema | undefined;
  readonly hijack: boolean;
  readonly handler: (exchange: Exchange<unknown, unknown>) => Promise<void> | void;
}

/** Declares an operation; the handler's `query` and `body` have the declared types. */
export function operation<const Q extends QueryFields = Record<never, never>, B extends Schema | undefined = undefined>(
  spec: OperationSpec<Q, B>,
): Operation {
  return {
    id: spec.id,
    method: spec.method,
    path: spec.path,
    summary: spec.summary,
    query: spec.query ?? {},
    body: spec.body,
    bodyOptional: spec.bodyOptional ?? false,
    answer: spec.answer,
    hijack: spec.hijack ?? false,
    handler: spec.handler as (exchange: Exchange<unknown, unknown>) => Promise<void> | void,
  };
}
