// runt plan [BUNDLE]: what create would do, step by step, with the field of config.json that asks for each. Nothing is done.
import { WharfError } from "../../../common/errors.ts";
import type { Spec } from "../../../common/oci/runtime.ts";
import { locateCgroup } from "../../cgroup/cgroup.ts";
import { stdout } from "../../sys/out.ts";
import { readBundle } from "../bundle.ts";
import { cgroupSteps } from "../cgroup-steps.ts";
import { Channel } from "../channel.ts";
import type { Command } from "../command.ts";
import { begin, type InitPlan, initSteps } from "../init.ts";
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

/** What comes after `start`, in the order in which the kernel wants it. */
function lastSteps({ process, linux, hooks }: Spec): Omit<Planned, "process">[] {
  const steps: Omit<Planned, "process">[] = [];
  const add = (field: string, step: string, when: unknown) => {
    if (when) steps.push({ field, step });
  };
  const { user, capabilities, noNewPrivileges, cwd, args } = process!;
  add("hooks.startContainer", "run hooks", hooks?.startContainer?.length);
  add("process.capabilities.bounding", "limit the bounding set", capabilities);
  add("linux.seccomp", "load the seccomp filter", linux?.seccomp && !noNewPrivileges);
  add("process.user", `become user ${user.uid}, group ${user.gid}`, true);
  add("process.cwd", `enter ${JSON.stringify(cwd)}`, true);
  add("process.capabilities", "give up capabilities", capabilities);
  add("process.noNewPrivileges", "refuse new privileges", noNewPrivileges);
  add("linux.seccomp", "load the seccomp filter", linux?.seccomp && noNewPrivileges);
  add("process.args", `execute ${JSON.stringify(args?.join(" "))}`, true);
  return steps;
}

function planOf(bundle: string): Planned[] {
  const { spec, rootfs } = readBundle(bundle);
  if (!spec.process) throw new WharfError("InvalidArgument", "config.json: process: is missing");
  const namespaces = planNamespaces(spec.linux?.namespaces ?? []);
  const cgroup = locateCgroup(spec.linux?.cgroupsPath || undefined, "ID");
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
  const named = (process: Planned["process"], steps: readonly Step[]) =>
    steps.map(({ field, name }): Planned => ({ process, field, step: name }));
  return [
    ...named(
      "runtime",
      cgroupSteps(cgroup, spec, () => {}),
    ),
    ...named("container", initSteps(plan, begin(plan, new Channel(-1)))),
    ...lastSteps(spec).map((step): Planned => ({ process: "container", ...step })),
  ];
}

export const planCommand: Command = {
  usage: "plan [--format text|json] [BUNDLE]",
  summary: "show what creating a container would do, without doing it",
  flags: { "format|f": "string", "bundle|b": "string" },
  run(_context, parsed) {
    const steps = planOf(absolute(parsed.args[0] ?? parsed.string("bundle") ?? "."));
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
