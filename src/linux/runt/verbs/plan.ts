// runt plan [BUNDLE]: what create would do, step by step, with the field of config.json that asks for each. Nothing is done.
import { WharfError } from "../../../common/errors.ts";
import { locateCgroup } from "../../cgroup/make.ts";
import { checkSeccomp } from "../../seccomp/check.ts";
import { stdout } from "../../sys/out.ts";
import { readBundle } from "../bundle.ts";
import { Channel } from "../channel.ts";
import type { Command, Context } from "../command.ts";
import { begin, type InitPlan, initSteps, startSteps } from "../init.ts";
import { absolute } from "../launch-flags.ts";
import { planNamespaces } from "../namespaces.ts";
import type { Step } from "../plan.ts";
import { answerSteps, type Birth, stepsAfterBirth, stepsBeforeBirth } from "../runtime-steps.ts";
import { notifies } from "../seccomp.ts";
import { newRecord } from "../state.ts";
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
  const { linux } = spec;
  // create looks at it only when it is not in the cache
  if (linux?.seccomp) checkSeccomp(linux.seccomp);
  const namespaces = planNamespaces(linux?.namespaces ?? []);
  const cgroup = locateCgroup({ path: linux?.cgroupsPath || undefined, id: "ID", systemd });
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
    mappings: new Map(),
    plainNewlines: false,
    rootTree: undefined,
    filter: undefined,
    listens: linux?.seccomp !== undefined && notifies(linux.seccomp),
    trace: undefined,
  };
  const progress = begin(plan, new Channel(-1));
  const nobody = newRecord({ ...NOTHING, id: "ID", namespaces: 0, ownPids: false, chroot: false });
  const birth: Birth = { pid: 0, channel: progress.channel, record: nobody };
  const { hooks } = spec;
  return [
    ...named("runtime", stepsBeforeBirth(plan, "")),
    ...named("runtime", stepsAfterBirth(plan, "", birth)),
    ...named("runtime", Object.keys(linux?.netDevices ?? {}).length > 0 ? answerSteps(plan, "netDevices", birth) : []),
    ...named("runtime", answerSteps(plan, "hooks", birth)),
    ...named("container", initSteps(plan, progress)),
    ...named("container", startSteps(plan, progress)),
    { process: "container", field: "process.args", step: `execute ${JSON.stringify(spec.process.args?.join(" "))}` },
    ...later("hooks.poststart", "run hooks, after start", hooks?.poststart),
    ...later("hooks.poststop", "run hooks, after delete", hooks?.poststop),
  ];
}

function later(field: string, step: string, hooks: readonly unknown[] | undefined): Planned[] {
  return hooks?.length ? [{ process: "runtime", field, step }] : [];
}

/** Each step, with its parts below it. */
function named(process: Planned["process"], steps: readonly Step[]): Planned[] {
  return steps.flatMap(({ field, name, parts }) => [
    { process, field, step: name },
    ...(parts?.() ?? []).map(([part, step]): Planned => ({ process, field: part, step: `  ${step}` })),
  ]);
}

const NOTHING = { ociVersion: "", bundle: "", rootfs: "", created: "", owner: "" };

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
