/** Finds the operation for a method and a path. */

import type { Operation } from "./operation.ts";

export interface Match {
  operation: Operation;
  params: Record<string, string>;
}

interface Route {
  operation: Operation;
  names: string[];
  pattern: RegExp;
}

export class Router {
  /** By method and first path segment: a request is compared with a handful of patterns. */
  readonly #routes = new Map<string, Route[]>();

  constructor(operations: Iterable<Operation>) {
    for (const operation of operations) {
      const names: string[] = [];
      const pattern = operation.path
        .replace(/[.]/g, "\\.")
        .replace(/\{(\w+)(\*?)\}/g, (_, name: string, many: string) => {
          names.push(name);
          return many ? "(.+)" : "([^/]+)";
        });
      const key = bucket(operation.method, operation.path);
      const routes = this.#routes.get(key) ?? [];
      routes.push({ operation, names, pattern: new RegExp(`^${pattern}/?$`) });
      this.#routes.set(key, routes);
    }
  }

  /** `path` is still percent-encoded, without version and query. Undefined when nothing fits or it is badly encoded. */
  match(method: string, path: string): Match | undefined {
    for (const route of this.#routes.get(bucket(method, path)) ?? []) {
      const found = route.pattern.exec(path);
      if (!found) continue;
      const params: Record<string, string> = {};
      try {
        route.names.forEach((name, at) => {
          params[name] = decodeURIComponent(found[at + 1]!);
        });
      } catch {
        return undefined;
      }
      return { operation: route.operation, params };
    }
    return undefined;
  }
}

function bucket(method: string, path: string): string {
  const end = path.indexOf("/", 1);
  return `${method} ${end < 0 ? path : path.slice(0, end)}`;
}
