// runt checkpoint ID
import { WharfError } from "../../../common/errors.ts";
import { checkpoint } from "../checkpoint/dump.ts";
import { CRIU_FLAGS, criuOptions } from "../checkpoint/options.ts";
import type { Command } from "../command.ts";
import { positional } from "../flags.ts";

function serverOf(text: string | undefined): { address: string; port: number } | undefined {
  if (!text) return undefined;
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text);
  if (match) return { address: (match[1] ?? match[2])!, port: Number(match[3]) };
  throw new WharfError("InvalidArgument", `--page-server ${JSON.stringify(text)}: expected ADDRESS:PORT`);
}

function fdOf(text: string | undefined): number | undefined {
  if (text === undefined || text === "-1") return undefined;
  if (/^\d+$/.test(text)) return Number(text);
  throw new WharfError("InvalidArgument", `--status-fd ${JSON.stringify(text)} is no descriptor's number`);
}

export const checkpointCommand: Command = {
  usage: "checkpoint [--image-path DIR] [--work-path DIR] [--leave-running] ID",
  summary: "save a running container's processes to files, by criu",
  flags: {
    ...CRIU_FLAGS,
    "parent-path": "string",
    "leave-running": "bool",
    "tcp-skip-in-flight": "bool",
    "link-remap": "bool",
    "status-fd": "string",
    "page-server": "string",
    "pre-dump": "bool",
  },
  run({ root, criu, warn }, parsed) {
    const [id = ""] = positional(parsed, "ID");
    const options = {
      ...criuOptions(parsed, criu),
      parentPath: parsed.string("parent-path") || undefined,
      leaveRunning: parsed.bool("leave-running"),
      tcpSkipInFlight: parsed.bool("tcp-skip-in-flight"),
      linkRemap: parsed.bool("link-remap"),
      statusFd: fdOf(parsed.string("status-fd")),
      pageServer: serverOf(parsed.string("page-server")),
      preDump: parsed.bool("pre-dump"),
    };
    checkpoint(root, id, options, warn);
    return 0;
  },
};
