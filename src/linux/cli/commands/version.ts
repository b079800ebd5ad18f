// wharf version: ours and the daemon's.
import { string } from "../../../common/cli/flags.ts";
import { ansiTime } from "../../../common/cli/format/time.ts";
import { type ServerVersion, VERSION_FUNCTIONS, VERSION_TEMPLATE } from "../../../common/cli/format/version.ts";
import { templateFault } from "../../../common/cli/format/write.ts";
import { alignTabs } from "../../../common/cli/table.ts";
import { FunctionFault } from "../../../common/template/functions.ts";
import { Template } from "../../../common/template/template.ts";
import { VERSION } from "../../../common/version.ts";
import { type Cli, command } from "../cli.ts";
import { shortCommit } from "../commit.ts";
import { report } from "../errors.ts";
import { API_VERSION } from "../http/api.ts";

/** The server's answer with an Engine among its components, whatever its age. */
async function server(cli: Cli): Promise<ServerVersion> {
  const answer = await cli.api.json<ServerVersion>("GET", "/version", { doing: "ask for the version" });
  answer.Platform ??= { Name: "" };
  answer.Components ??= [];
  for (const component of answer.Components) {
    if (component.Name === "Engine" && component.Details?.BuildTime) {
      component.Details.BuildTime = ansiTime(component.Details.BuildTime);
    }
  }
  if (!answer.Components.some(({ Name }) => Name === "Engine")) {
    answer.Components.push({
      Name: "Engine",
      Version: answer.Version,
      Details: {
        ApiVersion: answer.ApiVersion,
        MinAPIVersion: answer.MinAPIVersion ?? "",
        GitCommit: answer.GitCommit ?? "",
        GoVersion: answer.GoVersion ?? "",
        Os: answer.Os ?? "",
        Arch: answer.Arch ?? "",
        BuildTime: ansiTime(answer.BuildTime ?? ""),
        Experimental: String(answer.Experimental ?? false),
      },
    });
  }
  return answer;
}

/** Fields that a server may leave out. */
const LEFT_OUT = new Set(["MinAPIVersion", "GitCommit", "GoVersion", "Os", "Arch", "KernelVersion", "BuildTime"]);

/** The field as Go names it, which JSON names otherwise; what is no field is an error. */
function goName(map: Record<string, unknown>, key: string): unknown {
  if (key === "APIVersion" && "ApiVersion" in map) return map.ApiVersion;
  if ("Version" in map && LEFT_OUT.has(key)) return "";
  throw new FunctionFault(`can't evaluate field ${key} in type system.versionInfo`);
}

export const version = command({
  name: "version",
  summary: "Show the versions of this program and of the daemon",
  usage: "",
  args: { min: 0, max: 0 },
  section: "system",
  flags: { format: string("How to print: json or a Go template", { short: "f", type: "FORMAT", words: ["json"] }) },
  examples: [{ what: "The daemon's version alone", line: "version -f '{{.Server.Version}}'" }],
  run: async (cli, { flags }) => {
    const source = flags.format === "" ? VERSION_TEMPLATE : flags.format === "json" ? "{{json .}}" : flags.format;
    let template: Template;
    try {
      template = new Template(source, { name: "version", functions: VERSION_FUNCTIONS, missing: goName });
    } catch (error) {
      // docker's own status for this one
      report(cli, templateFault(error), "wharf version");
      return 64;
    }
    let failure: unknown;
    const answer = await server(cli).catch((error: unknown) => {
      failure = error;
      return null;
    });
    const client = {
      Platform: { Name: "Wharf" },
      Version: VERSION,
      APIVersion: cli.api.version,
      DefaultAPIVersion: API_VERSION,
      Engine: "QuickJS-NG 0.17",
      GitCommit: shortCommit(),
      Os: "linux",
      Arch: "amd64",
      Context: cli.context,
    };
    try {
      cli.out(`${alignTabs(template.execute({ Client: client, Server: answer }), { minWidth: 20, padding: 1 })}\n`);
    } catch (error) {
      throw failure ?? templateFault(error);
    }
    return failure === undefined ? 0 : report(cli, failure, "wharf version");
  },
});
