// The text of `version`, in docker's form.
import type { TemplateFunction } from "../../template/functions.ts";
import { FUNCTIONS } from "../../template/functions.ts";
import { isMap } from "../../template/values.ts";

export interface VersionComponent {
  Name: string;
  Version: string;
  Details?: Record<string, string>;
}

/** GET /version, as far as we read it. */
export interface ServerVersion {
  Platform?: { Name: string };
  Components?: VersionComponent[];
  Version: string;
  ApiVersion: string;
  MinAPIVersion?: string;
  GitCommit?: string;
  GoVersion?: string;
  Os?: string;
  Arch?: string;
  BuildTime?: string;
  Experimental?: boolean;
}

export const VERSION_TEMPLATE = `{{with .Client -}}
Client:{{if ne .Platform.Name ""}} {{.Platform.Name}}{{end}}
 Version:\t{{.Version}}
 API version:\t{{.APIVersion}}{{if ne .APIVersion .DefaultAPIVersion}} (downgraded from {{.DefaultAPIVersion}}){{end}}
 Script engine:\t{{.Engine}}
{{- with .GitCommit}}
 Git commit:\t{{.}}
{{- end}}
 OS/Arch:\t{{.Os}}/{{.Arch}}
 Context:\t{{.Context}}
{{- end}}

{{- if .Server}}{{with .Server}}

Server:{{if ne .Platform.Name ""}} {{.Platform.Name}}{{end}}
 {{- range $component := .Components}}
 {{$component.Name}}:
  {{- if eq $component.Name "Engine"}}
  Version:\t{{.Version}}
  API version:\t{{index .Details "ApiVersion"}} (minimum version {{index .Details "MinAPIVersion"}})
  {{- with index .Details "GoVersion"}}
  Go version:\t{{.}}
  {{- end}}
  {{- with index .Details "NodeVersion"}}
  Node version:\t{{.}}
  {{- end}}
  {{- with index .Details "GitCommit"}}
  Git commit:\t{{.}}
  {{- end}}
  {{- with index .Details "BuildTime"}}
  Built:\t{{.}}
  {{- end}}
  OS/Arch:\t{{index .Details "Os"}}/{{index .Details "Arch"}}
  Experimental:\t{{index .Details "Experimental"}}
  {{- else}}
  Version:\t{{$component.Version}}
  {{- range $key := detailKeys $component}}
  {{$key}}:\t{{index $component.Details $key}}
  {{- end}}
  {{- end}}
 {{- end}}
 {{- end}}{{- end}}`;

const detailKeys: TemplateFunction = (component) => {
  const details = isMap(component) ? component.Details : undefined;
  return isMap(details) ? Object.keys(details).sort() : [];
};

export const VERSION_FUNCTIONS: ReadonlyMap<string, TemplateFunction> = new Map([
  ...FUNCTIONS,
  ["detailKeys", detailKeys],
]);
