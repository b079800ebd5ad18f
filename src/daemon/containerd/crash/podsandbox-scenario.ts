/** A daemon that makes, fills and removes a sandbox that a container holds, to be killed at a fail point. Arguments as the tasks' scenario has. */

import { writeSync } from "node:fs";
import { PodSandboxConfig } from "../../../common/gen/cri/sandbox-config.ts";
import { packAny } from "../../../common/protobuf/any.ts";
import { armFailpoints } from "../../store/failpoints.ts";
import { SPEC_TYPE_URL } from "../api/containers.ts";
import { PODSANDBOX_SANDBOXER } from "../api/sandboxes.ts";
import { FakeAgent } from "../conformance/fake-agent.ts";
import { createCore } from "../core.ts";

const [root, state, rootfs, name, , cgroup, holder] = process.argv.slice(2) as [
  ...[string, string, string, string, string, string, string],
];
const done = (step: string) => writeSync(1, `${step}\n`);

armFailpoints();
const core = await createCore({ root, state, agent: new FakeAgent(), holder });
const client = core.namespace("a");
const controller = client.sandboxController(PODSANDBOX_SANDBOXER);
const runtime = { name };
const sandbox = await client.sandboxes.create({ id: "p1", runtime, sandboxer: PODSANDBOX_SANDBOXER });
const options = packAny(PodSandboxConfig, { linux: { cgroupParent: cgroup } });
await controller.create({ id: "p1", sandbox, options });
done("created");
const { pid } = await controller.start("p1");
done("started");
const shared = ["ipc", "uts", "pid"].map((type) => ({ type, path: `/proc/${pid}/ns/${type}` }));
const spec = {
  ociVersion: "1.0.2",
  process: { args: ["/bin/busybox", "sleep", "1000"], cwd: "/", env: ["PATH=/bin"], user: { uid: 0, gid: 0 } },
  root: { path: "rootfs" },
  mounts: [{ destination: "/proc", type: "proc", source: "proc" }],
  linux: { cgroupsPath: `${cgroup}/c1`, namespaces: [...shared, { type: "mount" }] },
};
const value = new TextEncoder().encode(JSON.stringify(spec));
await client.containers.create({ id: "c1", runtime, sandbox: "p1", spec: { typeUrl: SPEC_TYPE_URL, value } });
const mounts = [{ type: "bind", source: rootfs, target: "", options: ["rbind", "rw"] }];
await client.tasks.create({ containerId: "c1", rootfs: mounts });
await client.tasks.start({ containerId: "c1" });
done("filled");
await controller.stop("p1");
done("stopped");
await controller.shutdown("p1");
done("removed");
await core[Symbol.asyncDispose]();
