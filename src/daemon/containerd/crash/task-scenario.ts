/**
 * A daemon that makes, runs and deletes a task, to be killed at a fail point: run with root, state, rootfs, runtime, OCI
 * runtime and cgroup.
 */

import { writeSync } from "node:fs";
import { join } from "node:path";
import { Options } from "../../../common/gen/containerd/runc/options.ts";
import { packAny } from "../../../common/protobuf/any.ts";
import { armFailpoints } from "../../store/failpoints.ts";
import { SPEC_TYPE_URL } from "../api/containers.ts";
import { FakeAgent } from "../conformance/fake-agent.ts";
import { createCore } from "../core.ts";

const [root, state, rootfs, name, binaryName, cgroup] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string,
  string,
];
const done = (step: string) => writeSync(1, `${step}\n`);
const spec = {
  ociVersion: "1.0.2",
  process: { args: ["/bin/busybox", "sleep", "0.2"], cwd: "/", env: ["PATH=/bin"], user: { uid: 0, gid: 0 } },
  root: { path: "rootfs" },
  mounts: [
    { destination: "/proc", type: "proc", source: "proc" },
    { destination: "/dev", type: "tmpfs", source: "tmpfs" },
  ],
  linux: { cgroupsPath: cgroup, namespaces: ["pid", "ipc", "uts", "mount"].map((type) => ({ type })) },
};

armFailpoints();
const core = await createCore({ root, state, agent: new FakeAgent() });
const client = core.namespace("a");
const value = new TextEncoder().encode(JSON.stringify(spec));
await client.containers.create({
  id: "c1",
  runtime: { name, options: packAny(Options, { binaryName, root: join(state, "oci") }) },
  spec: { typeUrl: SPEC_TYPE_URL, value },
});
done("container");
const mounts = [{ type: "bind", source: rootfs, target: "", options: ["rbind", "rw"] }];
await client.tasks.create({ containerId: "c1", rootfs: mounts });
done("created");
await client.tasks.start({ containerId: "c1" });
done("started");
await client.tasks.wait({ containerId: "c1" });
done("exited");
await client.tasks.delete("c1");
done("deleted");
await core[Symbol.asyncDispose]();
