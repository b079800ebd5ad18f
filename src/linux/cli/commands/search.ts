// wharf search: images of Docker Hub, where the daemon looks them up (a real dockerd does; ours refuses and says so).
import { encodeFilters, filter } from "../../../common/cli/filter.ts";
import { bool, int, string } from "../../../common/cli/flags.ts";
import { SEARCH_TABLE, type SearchResult, searchRows } from "../../../common/cli/format/search.ts";
import { writeRows } from "../../../common/cli/format/write.ts";
import { command } from "../cli.ts";
import { HUB_KEY, registryAuth } from "../image/auth.ts";

export const search = command({
  name: "search",
  summary: "Search Docker Hub for images",
  usage: "TERM",
  args: { min: 1, max: 1 },
  section: "images",
  flags: {
    filter: filter("Only those for which it holds: is-official=true, stars=10", "is-official", "stars"),
    format: string("How to print: json or a Go template", { type: "FORMAT", words: ["json"] }),
    limit: int("So many at most", { min: 0 }),
    "no-trunc": bool("Do not shorten anything"),
  },
  examples: [{ what: "Official images", line: "search -f is-official=true python" }],
  run: async (cli, { flags, args }) => {
    const term = args[0]!;
    const domain = /^([^/]*[.:][^/]*|localhost)\//.exec(term)?.[1] ?? "docker.io";
    const auth = registryAuth(cli, domain === "docker.io" ? HUB_KEY : domain);
    const found = await cli.api.json<SearchResult[]>("GET", "/images/search", {
      query: { term, limit: flags.limit || undefined, filters: encodeFilters(flags.filter) },
      headers: auth === undefined ? {} : { "X-Registry-Auth": auth },
      doing: "search for images",
    });
    const plain = flags.format === "" || flags.format === "table";
    cli.out(writeRows(found, searchRows(!flags["no-trunc"]), { format: plain ? SEARCH_TABLE : flags.format }));
    return 0;
  },
});
