/** Which code serves which gRPC method. */

import { WharfError } from "../../common/errors.ts";
import type { Handlers, Method, Service } from "../../common/protobuf/schema.ts";
import type { CallContext } from "./context.ts";

export type AnyMethod = Method<unknown, unknown>;
export type AnyHandler = (request: unknown, context: CallContext) => unknown;

export interface Route {
  /** `grpc Tasks/Create`, for spans. */
  name: string;
  method: AnyMethod;
  handler: AnyHandler;
  /** True when it was called before: the first call takes many times as long. */
  tried: boolean;
}

export class Router {
  readonly #services = new Set<string>();
  /** By the full name: `containerd.services.tasks.v1.Tasks/Create`. */
  readonly #routes = new Map<string, Route>();
  /** Methods that a service has and nobody serves, with the reason. */
  readonly #left = new Map<string, string>();

  /** `left`: why the methods without a handler have none; told to their callers. */
  add<S extends Service>(
    service: S,
    handlers: Partial<Handlers<S, CallContext>>,
    left = "it is not served here",
  ): this {
    const short = service.typeName.slice(service.typeName.lastIndexOf(".") + 1);
    for (const [local, method] of Object.entries(service.methods)) {
      const handler = (handlers as Record<string, AnyHandler | undefined>)[local];
      const full = `${service.typeName}/${method.name}`;
      if (handler) this.#routes.set(full, { name: `grpc ${short}/${method.name}`, method, handler, tried: false });
      else this.#left.set(full, left);
    }
    this.#services.add(service.typeName);
    return this;
  }

  /** By the full name. Unimplemented, naming what is missing. */
  find(full: string): Route {
    const route = this.#routes.get(full);
    if (route) return route;
    const slash = full.lastIndexOf("/");
    const service = full.slice(0, slash);
    if (!this.#services.has(service)) throw new WharfError("Unimplemented", `unknown service ${service}`);
    const left = this.#left.get(full);
    const why =
      left === undefined ? `unknown method ${full.slice(slash + 1)} for service ${service}` : `${full}: ${left}`;
    throw new WharfError("Unimplemented", why);
  }

  /** Full names of the services. */
  get services(): string[] {
    return [...this.#services];
  }

  /** True when the method of this full name has a handler. */
  serves(full: string): boolean {
    return this.#routes.has(full);
  }
}
