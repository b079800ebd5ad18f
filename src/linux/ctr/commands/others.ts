// ctr version, info, plugins, events, oci, deprecations: about containerd itself.
import { bool, string } from "../../../common/cli/flags.ts";
import { CODES, WharfError } from "../../../common/errors.ts";
import { Options } from "../../../common/gen/containerd/runc/options.ts";
import { RuntimeInfo, RuntimeRequest } from "../../../common/gen/containerd/types/introspection.ts";
import { formatPlatform } from "../../../common/oci/platform.ts";
import { anyName, isAny, packAny, unpackAny } from "../../../common/protobuf/any.ts";
import { decode } from "../../../common/protobuf/codec.ts";
import { formatTimestamp } from "../../../common/timestamp.ts";
import { VERSION } from "../../../common/version.ts";
import { builtFrom } from "../../cli/commit.ts";
import { runtimeOf } from "../container.ts";
import { command, group, usage } from "../ctr.ts";
import { defaultSpec } from "../default-spec.ts";
import { EVENT_TYPES } from "../event-types.ts";
import { RUNTIME } from "../flags.ts";
import { goJson } from "../go-json.ts";
import { goTime } from "../labels.ts";

export const version = command({
  name: "version",
  summary: "Show the versions of client and server",
  usage: "",
  flags: {},
  run: async (ctr, { args }) => {
    if (args.length > 0) throw usage(`extra arguments: ${args.join(" ")}`);
    ctr.line(`Client:\n  Version:  ${VERSION}+wharf\n  Revision: ${builtFrom()}\n`);
    const { version: found, revision } = await ctr.version.version({});
    const { uuid } = await ctr.introspection.server({});
    ctr.line(`Server:\n  Version:  ${found}\n  Revision: ${revision}\n  UUID: ${uuid}`);
    return 0;
  },
});

export const info = command({
  name: "info",
  summary: "Show what the server says of itself",
  usage: "",
  flags: {},
  run: async (ctr) => {
    const { uuid, pid, pidns, deprecations } = await ctr.introspection.server({});
    const told = deprecations.length > 0 ? { deprecations } : {};
    ctr.line(JSON.stringify({ server: { uuid, pid, pidns, ...told } }, undefined, 4));
    return 0;
  },
});

const SKIPPED = /skip plugin/;

function codeName(number: number): string {
  return Object.entries(CODES).find(([, { grpc }]) => grpc === number)?.[0] ?? String(number);
}

const list = command({
  name: "list",
  summary: "List the server's parts",
  usage: "[FILTER...]",
  flags: { quiet: bool("Only the ids", { short: "q" }), detailed: bool("All that is known of each", { short: "d" }) },
  run: async (ctr, { flags, args }) => {
    const { plugins: found } = await ctr.introspection.plugins({ filters: args });
    const platformsOf = (platforms: (typeof found)[0]["platforms"]) =>
      [...new Set(platforms.map((one) => formatPlatform({ ...one, variant: one.variant || undefined } as never)))]
        .sort()
        .join(",");
    if (flags.quiet) for (const { id } of found) ctr.line(id);
    else if (flags.detailed) {
      const lines = found.flatMap(({ type, id, requires, platforms, exports, capabilities, initErr }, at) => [
        ...(at > 0 ? ["\t\t\t"] : []),
        `Type:\t ${type}`,
        `ID:\t ${id}`,
        ...(requires.length > 0 ? ["Requires:\t", ...requires.map((one) => `\t ${one}`)] : []),
        ...(platforms.length > 0 ? [`Platforms:\t ${platformsOf(platforms)}`] : []),
        ...(Object.keys(exports).length > 0 ? ["Exports:\t"] : []),
        ...Object.entries(exports).map(([key, value]) => `\t ${key} \t ${value}`),
        ...(capabilities.length > 0 ? [`Capabilities:\t ${capabilities.join(",")}`] : []),
        ...(initErr ? ["Error:\t", `\t Code:\t ${codeName(initErr.code)}`, `\t Message:\t ${initErr.message}`] : []),
      ]);
      ctr.table(lines, 4);
    } else {
      const rows = found.map(({ type, id, platforms, initErr }) => {
        const status = !initErr ? "ok" : SKIPPED.test(initErr.message) ? "skip" : "error";
        return `${type}\t${id}\t${platformsOf(platforms) || "-"}\t${status}\t`;
      });
      ctr.table(["TYPE\tID\tPLATFORMS\tSTATUS\t", ...rows], 4);
    }
    return 0;
  },
});

const inspectRuntime = command({
  name: "inspect-runtime",
  summary: "Show what a runtime can do",
  usage: "",
  flags: RUNTIME,
  run: async (ctr, { flags }) => {
    const { name: runtimePath, options } = { options: undefined, ...runtimeOf(flags) };
    const request = packAny(RuntimeRequest, { runtimePath, ...(options ? { options } : {}) });
    const { extra } = await ctr.introspection.pluginInfo({
      ...{ type: "io.containerd.runtime.v2", id: "task", options: request },
    });
    if (!extra) throw new WharfError("Internal", `the server says nothing of ${JSON.stringify(runtimePath)}`);
    const { name, version: of, options: known, features, annotations } = unpackAny(RuntimeInfo, extra);
    const shown = {
      Name: name,
      Version: { Version: of?.version ?? "", Revision: of?.revision ?? "" },
      Options: known && isAny(known, Options) ? goJson(unpackAny(Options, known)) : null,
      Features: features ? (JSON.parse(native.utf8(features.value)) as unknown) : null,
      Annotations: Object.keys(annotations).length > 0 ? annotations : null,
    };
    ctr.line(JSON.stringify(shown, undefined, 4));
    return 0;
  },
});

export const plugins = group("plugins", "Look at the server's parts", [[inspectRuntime], [list, "ls"]]);

export const events = command({
  name: "events",
  summary: "Show what happens, as it happens",
  usage: "[FILTER...]",
  flags: {},
  run: async (ctr, { args }) => {
    for await (const { timestamp, namespace, topic, event } of ctr.events.subscribe({ filters: args })) {
      const type = event && EVENT_TYPES.get(anyName(event));
      const shown = type ? JSON.stringify(goJson(decode(type, event.value), "nothing")) : "";
      ctr.line(`${goTime(timestamp)} ${namespace} ${topic} ${shown}`);
    }
    return 0;
  },
});

const spec = command({
  name: "spec",
  summary: "Show the configuration that containers begin with",
  usage: "",
  flags: { platform: string("Only linux is known here", { type: "OS/ARCH" }) },
  run: (ctr, { flags }) => {
    if (flags.platform && !flags.platform.startsWith("linux"))
      throw usage(`platform ${JSON.stringify(flags.platform)} is not supported`);
    const shown = defaultSpec(ctr.globals.namespace, "");
    shown.linux!.cgroupsPath = `/${ctr.globals.namespace}`;
    ctr.line(JSON.stringify(shown, undefined, 4));
    return 0;
  },
});

export const oci = group("oci", "Tools for OCI's formats", [[spec]]);

const deprecated = command({
  name: "list",
  summary: "List what is used and will go",
  usage: "",
  flags: { format: string("Form", { choices: ["default", "json"] }) },
  run: async (ctr, { flags }) => {
    const { deprecations: found } = await ctr.introspection.server({});
    const time = (at: (typeof found)[0]["lastOccurrence"]) => (at ? formatTimestamp(at) : "");
    const shown = found.map(({ id, message, lastOccurrence }) => ({
      id,
      message,
      lastOccurrence: time(lastOccurrence),
    }));
    if (shown.length === 0) return 0;
    if (flags.format === "json") ctr.line(JSON.stringify(shown, undefined, 4));
    else
      ctr.table(
        ["ID\tLAST OCCURRENCE\tMESSAGE\t", ...shown.map((one) => `${one.id}\t${one.lastOccurrence}\t${one.message}`)],
        4,
      );
    return 0;
  },
});

export const deprecations = group("deprecations", "Look at what will go", [[deprecated]]);
