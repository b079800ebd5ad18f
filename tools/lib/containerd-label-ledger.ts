// What is known of the fields that filters see and of the labels that mean something.
import { ctr, diffs, events, filters, isolation, leases, restart, snapshots, tasks } from "./containerd-tests.ts";
import type { Evidence, Ledger } from "./evidence.ts";

const field = (name: string): [string, Evidence] => [name, filters(`"${name}"`)];

/** The fields that filters see (core/metadata/adaptors.go, core/events/events.go, plugins/services). */
export const FILTER_LEDGER: Ledger = {
  ...Object.fromEntries(
    [
      ...["containers: id", "containers: image", "containers: runtime.name", "containers: labels"],
      ...["images: name", "images: target.digest", "images: target.mediatype", "images: labels", "images: annotations"],
      ...["content: digest", "content: labels", "ingests: ref", "leases: id", "leases: labels"],
      ...["snapshots: name", "snapshots: parent", "snapshots: kind", "snapshots: labels"],
      ...["sandboxes: id", "sandboxes: labels", "namespaces: name", "namespaces: labels"],
      ...["plugins: type", "plugins: id", "plugins: platforms", "plugins: capabilities"],
    ].map(field),
  ),
  "events: namespace": events("filters choose by namespace, topic and fields"),
  "events: topic": events("filters choose by namespace, topic and fields"),
  "events: event.<field>": events("filters choose by namespace, topic and fields"),
  "metrics: id": tasks("processes are added, listed, waited for and deleted"),
  "metrics: namespace": tasks("processes are added, listed, waited for and deleted"),
};

/** The labels that mean something to the daemon, and what. */
export const LABEL_LEDGER: Readonly<Record<string, readonly [meaning: string, evidence: Evidence]>> = {
  "containerd.io/gc.root": [
    "keeps the object",
    leases("gc.root and an expiry to come keep, an expiry that has passed does not"),
  ],
  "containerd.io/gc.expire": [
    "keeps an object, a lease or an image until then",
    leases("a lease that expires is collected by itself"),
  ],
  "containerd.io/gc.flat": [
    "a lease holds its resources without what these refer to",
    leases("a flat lease holds without references"),
  ],
  "containerd.io/gc.ref.content.*": [
    "the blob named is kept",
    leases("what nothing refers to is taken, what an image refers to is kept"),
  ],
  "containerd.io/gc.ref.snapshot.*": [
    "the snapshot named is kept",
    leases("what nothing refers to is taken, what an image refers to is kept"),
  ],
  "containerd.io/gc.ref.image.*": [
    "the image named is kept",
    leases("an image whose time has run out stays as long as something that is kept names it"),
  ],
  "containerd.io/gc.bref.*": [
    "is kept by the object named",
    leases("back references keep their object with the one they name"),
  ],
  "containerd.io/snapshot.ref": [
    "prepare answers AlreadyExists when the snapshot named is there",
    snapshots("a target that is there need not be prepared"),
  ],
  "containerd.io/snapshot.ref (remote)": [
    "one that another program's snapshotter has by itself is taken over",
    [
      "src/daemon/containerd/snapshots/proxy.test.ts",
      "what a remote snapshotter has is taken over under the name asked for",
    ],
  ],
  "containerd.io/snapshot/uidmapping": [
    "prepare: whose files they are to be in a user namespace; mounts show them so",
    ctr("a container in a user namespace has its image's files as its own, and no copy of them"),
  ],
  "containerd.io/snapshot/gidmapping": [
    "the same for groups",
    ctr("a container in a user namespace has its image's files as its own, and no copy of them"),
  ],
  "containerd.io/snapshot/cri.*": [
    "given to a remote snapshotter with each layer of a pull: the image's name, its manifest, the layer, those above it",
    [
      "test/interop/registry/transfer.test.ts",
      "of an image whose lower layers a remote snapshotter has, only the upper ones are fetched",
    ],
  ],
  "containerd.io/snapshot/overlay.upperdir": [
    "tells where a snapshot's upper directory is",
    { reason: "containerd gives it with its setting upperdir_label alone, which is off by default" },
  ],
  "containerd.io/defaults/runtime, containerd.io/defaults/snapshotter": [
    "of a namespace: what clients are to take that name none",
    { reason: "read by containerd's Go library in its clients, not by the daemon; kept as every label" },
  ],
  "containerd.io/restart.logpath": [
    "where the output goes, before loguri",
    { reason: "containerd 2 has it no longer; restart.loguri takes file://PATH" },
  ],
  "containerd.io/uncompressed": ["the blob's digest when unpacked; given to layers that are made and pulled", diffs],
  "containerd.io/distribution.source.*": [
    "the repositories of a registry where the blob lies",
    ctr("what is pulled tells where it lies, and layers what they are when unpacked"),
  ],
  "containerd.io/namespace.shareable": [
    "of a namespace: where namespaces are isolated, its blobs are still given by their digests",
    isolation("a namespace labelled shareable gives its blobs by their digests"),
  ],
  "containerd.io/restart.status": [
    "of a container: what its task is to be, running or stopped",
    restart("one that is to be stopped is, and one that is paused stays so"),
  ],
  "containerd.io/restart.policy": [
    "always, no, on-failure[:N] or unless-stopped",
    restart("on-failure: as often as allowed, and not after a success"),
  ],
  "containerd.io/restart.count": [
    "how often it was started again",
    restart("always: what was killed runs again, counted, with its output in the log"),
  ],
  "containerd.io/restart.explicitly-stopped": [
    "unless-stopped leaves it alone",
    restart("no, and unless-stopped once it was stopped by hand: stays as it is"),
  ],
  "containerd.io/restart.loguri": [
    "where the output goes once it was started again",
    restart("always: what was killed runs again, counted, with its output in the log"),
  ],
};
