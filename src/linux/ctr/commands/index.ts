// The tree of ctr's commands, with the original's second names.
import { named } from "../ctr.ts";
import { containers } from "./containers.ts";
import { content } from "./content.ts";
import { images } from "./images.ts";
import { install } from "./install.ts";
import { leases } from "./leases.ts";
import { namespaces } from "./namespaces.ts";
import { deprecations, events, info, oci, plugins, version } from "./others.ts";
import { pprof } from "./pprof.ts";
import { run } from "./run.ts";
import { sandboxes } from "./sandboxes.ts";
import { shim } from "./shim.ts";
import { snapshots } from "./snapshots.ts";
import { tasks } from "./tasks.ts";

export const COMMANDS = named([
  [plugins, "plugin"],
  [version],
  [containers, "c", "container"],
  [content],
  [events, "event"],
  [images, "image", "i"],
  [leases],
  [namespaces, "namespace", "ns"],
  [run],
  [snapshots, "snapshot"],
  [tasks, "t", "task"],
  [oci],
  [sandboxes, "sandbox", "sb", "s"],
  [info],
  [deprecations],
  [shim],
  [pprof],
  [install],
]);
