// What is known of containerd's API here: each method with the test that shows it, or the reason why it is not served.

import type { Evidence, Ledger } from "./evidence.ts";

const CONFORMANCE = "src/daemon/containerd/conformance";
const SERVICES = "src/daemon/grpc/services.test.ts";
const CTR = "test/interop/ctr/ctr.test.ts";

const content = (title: string): Evidence => [`${CONFORMANCE}/content.ts`, title];
const metadata = (title: string): Evidence => [`${CONFORMANCE}/metadata.ts`, title];
const snapshots = (title: string): Evidence => [`${CONFORMANCE}/snapshots.ts`, title];
const leases = (title: string): Evidence => [`${CONFORMANCE}/leases.ts`, title];
const events = (title: string): Evidence => [`${CONFORMANCE}/events.ts`, title];
const services = (title: string): Evidence => [SERVICES, title];
const ctr = (title: string): Evidence => [CTR, title];

const LIFE = "the life of a detached container";
const RUN = "run answers with the program's output and status, for both names of the runtime";
const IMAGE = "an image is pushed, pulled, listed, checked, read and labelled";
const NO_SANDBOXES: Evidence = { reason: "the core has no sandboxes yet" };

/** By `Service/Method`, services by their full names without `containerd.services.` */
export const LEDGER: Ledger = {
  "containers.v1.Containers/Get": metadata("create, get, list, delete"),
  "containers.v1.Containers/List": metadata("lists are filtered"),
  "containers.v1.Containers/ListStream": services("containers are listed as a stream"),
  "containers.v1.Containers/Create": metadata("create, get, list, delete"),
  "containers.v1.Containers/Update": ctr(RUN),
  "containers.v1.Containers/Delete": ctr(LIFE),
  "content.v1.Content/Info": content("what is not there is NotFound"),
  "content.v1.Content/Update": content("labels are updated whole and by key"),
  "content.v1.Content/List": content("a walk sees all, or those a filter takes"),
  "content.v1.Content/Delete": content("what is not there is NotFound"),
  "content.v1.Content/Read": content("ranges are read, and refused beyond the end"),
  "content.v1.Content/Status": content("abort drops an ingest, also an open one"),
  "content.v1.Content/ListStatuses": content("statuses are filtered by ref"),
  "content.v1.Content/Write": services("a write begins at the offset it names, or anew"),
  "content.v1.Content/Abort": content("abort drops an ingest, also an open one"),
  "diff.v1.Diff/Apply": services("diffs are refused as the core does"),
  "diff.v1.Diff/Diff": services("diffs are refused as the core does"),
  "events.v1.Events/Publish": events("a subscriber gets all from its call on, in order, of all namespaces"),
  "events.v1.Events/Forward": services("an event is taken over with its own time and namespace"),
  "events.v1.Events/Subscribe": ctr("events tell what happens, with containerd's topics"),
  "images.v1.Images/Get": metadata("create, get, list, delete"),
  "images.v1.Images/List": metadata("lists are filtered"),
  "images.v1.Images/Create": metadata("create, get, list, delete"),
  "images.v1.Images/Update": metadata("update takes all mutable fields, or those named"),
  "images.v1.Images/Delete": metadata("create, get, list, delete"),
  "introspection.v1.Introspection/Plugins": ctr("version, plugins and namespaces"),
  "introspection.v1.Introspection/Server": ctr("version, plugins and namespaces"),
  "introspection.v1.Introspection/PluginInfo": services("a plugin is told of by its type and id"),
  "leases.v1.Leases/Create": ctr("content and leases are made and dropped"),
  "leases.v1.Leases/Delete": ctr("content and leases are made and dropped"),
  "leases.v1.Leases/List": ctr("content and leases are made and dropped"),
  "leases.v1.Leases/AddResource": leases("create, list, resources, delete"),
  "leases.v1.Leases/DeleteResource": leases("create, list, resources, delete"),
  "leases.v1.Leases/ListResources": leases("create, list, resources, delete"),
  "namespaces.v1.Namespaces/Get": services("a namespace's labels are changed one by one"),
  "namespaces.v1.Namespaces/List": ctr("version, plugins and namespaces"),
  "namespaces.v1.Namespaces/Create": ctr("version, plugins and namespaces"),
  "namespaces.v1.Namespaces/Update": services("a namespace's labels are changed one by one"),
  "namespaces.v1.Namespaces/Delete": ctr("version, plugins and namespaces"),
  "sandbox.v1.Store/Create": NO_SANDBOXES,
  "sandbox.v1.Store/Update": NO_SANDBOXES,
  "sandbox.v1.Store/Delete": NO_SANDBOXES,
  "sandbox.v1.Store/List": NO_SANDBOXES,
  "sandbox.v1.Store/Get": NO_SANDBOXES,
  "sandbox.v1.Controller/Create": NO_SANDBOXES,
  "sandbox.v1.Controller/Start": NO_SANDBOXES,
  "sandbox.v1.Controller/Platform": NO_SANDBOXES,
  "sandbox.v1.Controller/Stop": NO_SANDBOXES,
  "sandbox.v1.Controller/Wait": NO_SANDBOXES,
  "sandbox.v1.Controller/Status": NO_SANDBOXES,
  "sandbox.v1.Controller/Shutdown": NO_SANDBOXES,
  "sandbox.v1.Controller/Metrics": NO_SANDBOXES,
  "sandbox.v1.Controller/Update": NO_SANDBOXES,
  "snapshots.v1.Snapshots/Prepare": snapshots("a view is read-only and cannot be committed"),
  "snapshots.v1.Snapshots/View": snapshots("a view is read-only and cannot be committed"),
  "snapshots.v1.Snapshots/Mounts": ctr(RUN),
  "snapshots.v1.Snapshots/Commit": snapshots("layers are mounted nearest first"),
  "snapshots.v1.Snapshots/Remove": snapshots("removal goes from the top and frees the name"),
  "snapshots.v1.Snapshots/Stat": snapshots("a view is read-only and cannot be committed"),
  "snapshots.v1.Snapshots/Update": snapshots("labels are updated"),
  "snapshots.v1.Snapshots/List": ctr(IMAGE),
  "snapshots.v1.Snapshots/Usage": ctr(IMAGE),
  "snapshots.v1.Snapshots/Cleanup": snapshots("removal goes from the top and frees the name"),
  "streaming.v1.Streaming/Stream": ctr(IMAGE),
  "tasks.v1.Tasks/Create": ctr(LIFE),
  "tasks.v1.Tasks/Start": ctr(LIFE),
  "tasks.v1.Tasks/Delete": ctr(LIFE),
  "tasks.v1.Tasks/DeleteProcess": ctr(LIFE),
  "tasks.v1.Tasks/Get": ctr(LIFE),
  "tasks.v1.Tasks/List": ctr(LIFE),
  "tasks.v1.Tasks/Kill": ctr(LIFE),
  "tasks.v1.Tasks/Exec": ctr(LIFE),
  "tasks.v1.Tasks/ResizePty": ctr("a terminal is one"),
  "tasks.v1.Tasks/CloseIO": services("tasks that are not there are NotFound in every method"),
  "tasks.v1.Tasks/Pause": ctr(LIFE),
  "tasks.v1.Tasks/Resume": ctr(LIFE),
  "tasks.v1.Tasks/ListPids": ctr(LIFE),
  "tasks.v1.Tasks/Checkpoint": services("tasks that are not there are NotFound in every method"),
  "tasks.v1.Tasks/Update": services("tasks that are not there are NotFound in every method"),
  "tasks.v1.Tasks/Metrics": ctr(LIFE),
  "tasks.v1.Tasks/Wait": ctr(RUN),
  "transfer.v1.Transfer/Transfer": ctr("an image is tagged, exported, removed, imported and run"),
  "version.v1.Version/Version": ctr("version, plugins and namespaces"),
  "grpc.health.v1.Health/Check": services("health is told for the whole and for each service"),
  "grpc.health.v1.Health/Watch": services("health is told for the whole and for each service"),
};
