/** The snapshotter of a name, as a namespace sees it. */

import { WharfError } from "../../../common/errors.ts";
import type { Snapshotter } from "../api/snapshots.ts";
import type { Scope } from "../core/scope.ts";
import { LocalSnapshotter } from "./local.ts";
import { NATIVE_SNAPSHOTTER, nativeLayout } from "./native.ts";
import { overlayLayout } from "./overlay.ts";
import { ProxySnapshotter } from "./proxy.ts";

/** NotFound. */
export function openSnapshotter(scope: Scope, name: string): Snapshotter {
  const { shared } = scope;
  const { proxies, snapshotFiles } = shared;
  const files = snapshotFiles.get(name);
  if (files) {
    const layout = name === NATIVE_SNAPSHOTTER ? nativeLayout(files, shared) : overlayLayout(files);
    return new LocalSnapshotter(scope, name, layout);
  }
  const proxy = Object.hasOwn(proxies, name) ? proxies[name] : undefined;
  if (proxy) return new ProxySnapshotter(scope, name, proxy(scope.namespace));
  throw new WharfError("NotFound", `there is no snapshotter ${JSON.stringify(name)}`, {
    subject: name,
    hint: `known are ${[...snapshotFiles.keys(), ...Object.keys(proxies)].join(", ")}; others come from the configuration`,
  });
}
