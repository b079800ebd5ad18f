// wharf update: other limits for containers, also while they run.
import { ANY } from "../../../common/cli/command.ts";
import { nanoCpus, restartPolicy } from "../../../common/cli/container/config.ts";
import { bytes, int, string } from "../../../common/cli/flags.ts";
import { WharfError } from "../../../common/errors.ts";
import { command } from "../cli.ts";
import { each, pathName } from "../container/each.ts";

export const update = command({
  name: "update",
  summary: "Change the limits of containers, also while they run",
  usage: "CONTAINER [CONTAINER...]",
  args: { min: 1, max: ANY },
  section: "containers",
  completes: "containers",
  flags: {
    "blkio-weight": int("Share of block I/O, 10 to 1000"),
    "cpu-period": int("Microseconds in which --cpu-quota counts"),
    "cpu-quota": int("Microseconds of CPU in each period"),
    "cpu-rt-period": int("Real-time period in microseconds"),
    "cpu-rt-runtime": int("Real-time share in microseconds"),
    "cpu-shares": int("Share of CPU time", { short: "c" }),
    cpus: string("Number of CPUs", { type: "decimal" }),
    "cpuset-cpus": string("CPUs it may run on: 0-3, 0,1"),
    "cpuset-mems": string("Memory nodes it may use: 0-3, 0,1"),
    memory: bytes("Memory limit", { short: "m" }),
    "memory-reservation": bytes("Memory below which it is not squeezed"),
    "memory-swap": bytes("Limit of memory and swap together; -1 for no limit", { orMinusOne: true }),
    "pids-limit": int("Number of processes and threads; -1 for no limit"),
    restart: string("When to start it again: no, always, unless-stopped, on-failure[:N]"),
  },
  examples: [
    { what: "Half a CPU and 256 MB", line: "update --cpus 0.5 -m 256m --memory-swap 512m web" },
    { what: "Start it again whenever it ends", line: "update --restart always web" },
  ],
  run: (cli, { flags, given, args }) => {
    if (given.size === 0)
      throw new WharfError("InvalidArgument", "nothing to change", { hint: "give at least one flag" });
    const json = {
      BlkioWeight: flags["blkio-weight"],
      CpuPeriod: flags["cpu-period"],
      CpuQuota: flags["cpu-quota"],
      CpuRealtimePeriod: flags["cpu-rt-period"],
      CpuRealtimeRuntime: flags["cpu-rt-runtime"],
      CpuShares: flags["cpu-shares"],
      NanoCpus: nanoCpus(flags.cpus),
      CpusetCpus: flags["cpuset-cpus"],
      CpusetMems: flags["cpuset-mems"],
      Memory: flags.memory,
      MemoryReservation: flags["memory-reservation"],
      MemorySwap: flags["memory-swap"],
      ...(given.has("pids-limit") ? { PidsLimit: flags["pids-limit"] } : {}),
      ...(given.has("restart") ? { RestartPolicy: restartPolicy(flags.restart) } : {}),
    };
    return each(cli, args, async (name) => {
      const path = `/containers/${pathName(name)}/update`;
      const answer = await cli.api.json<{ Warnings?: string[] | null }>("POST", path, {
        json,
        doing: "update container",
      });
      for (const warning of answer.Warnings ?? []) cli.warn(warning);
      return `${name}\n`;
    });
  },
});
