// runt plan [BUNDLE]: what create would do, step by step, with the field of config.json that asks for each. Nothing is done.
import { WharfError } from "../../../common/errors.ts";
import { locateCgroup } from "../../cgroup/make.ts";
import { stdout } from "../../sys/out.ts";
import { readBundle } from "../bundle.ts";
import { cgroupSteps } from "../cgroup-steps.ts";
import { Channel } from "../channel.ts";
import type { Command, Context } from "../command.ts";
import { begin, type InitPlan, initSteps, startSteps } from "../init.ts";
import { absolute } from "../launch-flags.ts";
import { planNamespaces } from "../namespaces.ts";
import type { Step } from "../plan.ts";
import { table } from "../table.ts";

interface Planned {
  /** Who does it: the runtime, or the container's first process. */
  process: "runtime" | "container";
  field: string;
  step: string;
}

function planOf(bundle: string, systemd: Context["systemd"]): Planned[] {
  const { spec, rootfs } = readBundle(bundle);
  if (!spec.process) throw new WharfError("InvalidArgument", "config.json: process: is missing");
  const namespaces = planNamespaces(spec.linux?.namespaces ?? []);
  const cgroup = locateCgroup({ path: spec.linux?.cgroupsPath || undefined, id: "ID", systemd });
  const plan: InitPlan = {
    spec,
    process: spec.process,
    bundle,
    rootfs,
    cgroup,
    joinFiles: undefined,
    namespaces,
    startSocket: undefined,
    preserveFds: 0,
    noPivot: false,
    noNewKeyring: false,
    state: { ociVersion: spec.ociVersion, id: "ID", status: "creating", bundle },
    trees: new Map(),
    rootTree: undefined,
    listens: false,
    trace: undefined,
  };
  const progress = begin(plan, new Channel(-1));
  const named = (process: Planned["process"], steps: readonly Step[]) =>
    steps.map(({ field, name }): Planned => ({ process, field, step: name }));
  return [
    ...named("runtime", cgroupSteps(cgroup, spec, { id: "ID", pid: () => 0, moved: () => {} })),
    ...named("container", [...initSteps(plan, progress), ...startSteps(plan, progress)]),
    { process: "container", field: "process.args", step: `execute ${JSON.stringify(spec.process.args?.join(" "))}` },
  ];
}

export const planCommand: Command = {
  usage: "plan [--format text|json] [BUNDLE]",
  summary: "show what creating a container would do, without doing it",
  flags: { "format|f": "string", "bundle|b": "string" },
  run({ systemd }, parsed) {
    const steps = planOf(absolute(parsed.args[0] ?? parsed.string("bundle") ?? "."), systemd);
    const format = parsed.string("format") ?? "text";
    if (format === "json") stdout(`${JSON.stringify(steps, null, 2)}\n`);
    else if (format === "text") {
      stdout(table([["PROCESS", "FIELD", "STEP"], ...steps.map(({ process, field, step }) => [process, field, step])]));
    } else {
      throw new WharfError("InvalidArgument", `invalid format ${JSON.stringify(format)}`, { hint: "text or json" });
    }
    return 0;
  },
};
