// ctr tasks metrics: what a container uses, in the form of its cgroup version.
import { string } from "../../../common/cli/flags.ts";
import { WharfError } from "../../../common/errors.ts";
import { Metrics as V1 } from "../../../common/gen/containerd/cgroups/v1.ts";
import { Metrics as V2 } from "../../../common/gen/containerd/cgroups/v2.ts";
import { type AnyLike, isAny, unpackAny } from "../../../common/protobuf/any.ts";
import { command, need } from "../ctr.ts";
import { goJson } from "../go-json.ts";

type Row = readonly [name: string, value: bigint | number | string | undefined];

function rowsOf(data: AnyLike): Row[] {
  if (isAny(data, V1)) {
    const { memory, cpu, pids } = unpackAny(V1, data);
    const perCpu = cpu?.usage?.perCpu.join(" ") ?? "";
    return [
      ...(memory ? v1Memory(memory) : []),
      ...(cpu
        ? ([
            ["cpuacct.usage", cpu.usage?.total],
            ["cpuacct.usage_percpu", `[${perCpu}]`],
          ] as Row[])
        : []),
      ...(pids
        ? ([
            ["pids.current", pids.current],
            ["pids.limit", pids.limit],
          ] as Row[])
        : []),
    ];
  }
  const { pids, cpu, memory } = unpackAny(V2, data);
  return [
    ...(pids
      ? ([
          ["pids.current", pids.current],
          ["pids.limit", pids.limit],
        ] as Row[])
      : []),
    ...(cpu
      ? ([
          ["cpu.usage_usec", cpu.usageUsec],
          ["cpu.user_usec", cpu.userUsec],
          ["cpu.system_usec", cpu.systemUsec],
          ["cpu.nr_periods", cpu.nrPeriods],
          ["cpu.nr_throttled", cpu.nrThrottled],
          ["cpu.throttled_usec", cpu.throttledUsec],
        ] as Row[])
      : []),
    ...(memory
      ? ([
          ["memory.usage", memory.usage],
          ["memory.usage_limit", memory.usageLimit],
          ["memory.swap_usage", memory.swapUsage],
          ["memory.swap_limit", memory.swapLimit],
        ] as Row[])
      : []),
  ];
}

function v1Memory({ usage, totalCache }: NonNullable<V1["memory"]>): Row[] {
  return [
    ["memory.usage_in_bytes", usage?.usage],
    ["memory.limit_in_bytes", usage?.limit],
    ["memory.stat.cache", totalCache],
  ];
}

export const metrics = command({
  name: "metrics",
  summary: "Show what a container uses",
  usage: "CONTAINER",
  flags: { format: string("Form", { choices: ["table", "json"], initial: "table" }) },
  run: async (ctr, { flags, args }) => {
    const id = need(args, 0, "a container");
    const { metrics: found } = await ctr.tasks.metrics({ filters: [`id==${id}`] });
    const [metric] = found;
    if (!metric?.data) throw new WharfError("NotFound", `there are no metrics of ${JSON.stringify(id)}`);
    const type = isAny(metric.data, V1) ? V1 : V2;
    if (flags.format === "json") {
      ctr.line(JSON.stringify(goJson(unpackAny(type as typeof V1, metric.data)), undefined, 2));
      return 0;
    }
    const { seconds = 0, nanos = 0 } = metric.timestamp ?? {};
    const time = `seconds:${seconds} nanos:${nanos}`;
    const rows = rowsOf(metric.data).map(([name, value]) => `${name}\t${value ?? 0}\t`);
    ctr.table(["ID\tTIMESTAMP\t", `${metric.id}\t${time}\t`, "", "METRIC\tVALUE\t", ...rows], 4, 1);
    return 0;
  },
});
