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
}

export class Router {
  readonly #services = new Map<string, Map<string, Route>>();
  /** Methods that a service has and nobody serves, with the reason. */
  readonly #left = new Map<string, string>();

  /** `left`: why the methods without a handler have none; told to their callers. */
  add<S extends Service>(
    service: S,
    handlers: Partial<Handlers<S, CallContext>>,
    left = "it is not served here",
  ): this {
    const routes = new Map<string, Route>();
    const short = service.typeName.slice(service.typeName.lastIndexOf(".") + 1);
    for (const [local, method] of Object.entries(service.methods)) {
      const handler = (handlers as Record<string, AnyHandler | undefined>)[local];
      if (handler) routes.set(method.name, { name: `grpc ${short}/${method.name}`, method, handler });
      else this.#left.set(`${service.typeName}/${method.name}`, left);
    }
    this.#services.set(service.typeName, routes);
    return this;
  }

  /** Unimplemented, naming what is missing. */
  find(service: string, method: string): Route {
    const routes = this.#services.get(service);
    if (!routes) throw new WharfError("Unimplemented", `unknown service ${service}`);
    const route = routes.get(method);
    if (route) return route;
    const left = this.#left.get(`${service}/${method}`);
    const why =
      left === undefined ? `unknown method ${method} for service ${service}` : `${service}/${method}: ${left}`;
    throw new WharfError("Unimplemented", why);
  }

  /** Full names of the services. */
  get services(): string[] {
    return [...this.#services.keys()];
  }

  /** True when the method, by its full path without the first slash, has a handler. */
  serves(path: string): boolean {
    const slash = path.lastIndexOf("/");
    return this.#services.get(path.slice(0, slash))?.has(path.slice(slash + 1)) ?? false;
  }
}
