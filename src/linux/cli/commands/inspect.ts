// wharf inspect: all that is known of a container, image, network or volume.
import { ANY } from "../../../common/cli/command.ts";
import { bool, type Flags, string } from "../../../common/cli/flags.ts";
import { inspectTemplate } from "../../../common/cli/format/inspect.ts";
import { indentJson } from "../../../common/cli/format/json-indent.ts";
import { isCode, WharfError } from "../../../common/errors.ts";
import { type Cli, command } from "../cli.ts";
import { formatError } from "../errors.ts";
import { withNameHint } from "../hints.ts";
import { platformQuery } from "../image/path.ts";

/** What can be inspected, in the order in which a name is looked for. */
const TYPES: Readonly<Record<string, (name: string) => string>> = {
  container: (name) => `/containers/${name}/json`,
  image: (name) => `/images/${name}/json`,
  network: (name) => `/networks/${name}`,
  volume: (name) => `/volumes/${name}`,
};

/** The exit code for a template that cannot be parsed, as docker's. */
const BAD_TEMPLATE = 64;

/** What is asked for besides. */
interface Wishes {
  readonly size?: boolean | undefined;
  readonly verbose?: boolean | undefined;
  readonly platform?: string | undefined;
}

function queryOf(kind: string, { size, verbose, platform }: Wishes): Record<string, string | boolean | undefined> {
  if (kind === "container") return { size };
  if (kind === "image") return { platform: platformQuery(platform ?? "") };
  return kind === "network" ? { verbose } : {};
}

async function find(cli: Cli, name: string, type: string, wishes: Wishes): Promise<string> {
  const path = encodeURIComponent(name).replaceAll("%2F", "/").replaceAll("%3A", ":").replaceAll("%40", "@");
  for (const [kind, endpoint] of Object.entries(TYPES)) {
    if (type !== "" && type !== kind) continue;
    try {
      using response = await cli.api.request("GET", endpoint(path), {
        query: queryOf(kind, wishes),
        doing: `inspect ${kind}`,
      });
      return await response.text();
    } catch (error) {
      // A name that is none for this kind, or a kind the server does not have, may still be of the next.
      if (type !== "" || !isCode(error, "NotFound", "InvalidArgument", "Unimplemented")) throw error;
    }
  }
  throw new WharfError("NotFound", `No such object: ${name}`, {
    hint: "'wharf ps -a' and 'wharf images' list what there is",
  });
}

export const inspect = command({
  name: "inspect",
  summary: "Show everything about containers, images, networks or volumes",
  description:
    "Prints what the daemon answers as a JSON list. A name is looked for among containers, images, networks and volumes, in this order. With a Go template one line a name.",
  usage: "NAME|ID [NAME|ID...]",
  args: { min: 1, max: ANY },
  section: "system",
  completes: "objects",
  flags: {
    format: string("How to print: json or a Go template", { short: "f", type: "FORMAT", words: ["json"] }),
    size: bool("Also the sizes of a container", { short: "s" }),
    type: string("Look only for this kind", { words: Object.keys(TYPES) }),
  },
  examples: [
    { what: "Everything", line: "inspect web" },
    { what: "Its process", line: "inspect -f '{{.State.Pid}}' web" },
    { what: "A label", line: "inspect -f '{{index .Config.Labels \"com.example.team\"}}' web" },
  ],
  run: async (cli, { flags, args }) => {
    if (flags.type !== "" && !Object.hasOwn(TYPES, flags.type)) {
      throw new WharfError("InvalidArgument", `unknown type ${JSON.stringify(flags.type)}`, {
        hint: `one of ${Object.keys(TYPES).join(", ")}`,
      });
    }
    return await show(cli, args, flags.format, flags.type, { size: flags.size });
  },
});

async function show(cli: Cli, args: readonly string[], format: string, type: string, wishes: Wishes): Promise<number> {
  const whole = format === "" || format === "json";
  let render: ReturnType<typeof inspectTemplate> | undefined;
  try {
    render = whole ? undefined : inspectTemplate(format);
  } catch (error) {
    cli.err(formatError(error, cli.globals.debug));
    return BAD_TEMPLATE;
  }
  const errors: unknown[] = [];
  const found = await Promise.all(
    args.map((name) =>
      find(cli, name, type, wishes).catch((error: unknown) => {
        errors.push(error);
        return undefined;
      }),
    ),
  );
  const texts = found.filter((text) => text !== undefined);
  if (!render) {
    const all = `[${texts.map((text) => text.trim()).join(",")}]`;
    cli.out(`${format === "json" ? all : indentJson(all, "", "    ")}\n`);
  } else {
    for (const text of texts) {
      try {
        cli.out(`${render(text)}\n`);
      } catch (error) {
        errors.push(error);
      }
    }
  }
  for (const error of errors) cli.err(formatError(await withNameHint(cli, error), cli.globals.debug));
  return errors.length > 0 ? 1 : 0;
}

/** `image inspect` and so on: only names of that kind. */
export function inspectOnly(
  type: keyof typeof TYPES & string,
  completes: "containers" | "images" | "volumes" | "networks",
) {
  const { format, size } = inspect.flags;
  const platform = string("The image for this platform", { type: "OS/ARCH" });
  const verbose = bool("Also what the daemon knows for diagnosis", { short: "v" });
  const more = { container: { size }, image: { platform }, network: { verbose } }[type as string] ?? {};
  return command({
    name: "inspect",
    summary: `Show everything about ${type}s`,
    description: `Prints what the daemon answers as a JSON list. With a Go template one line a ${type}.`,
    usage: "NAME|ID [NAME|ID...]",
    args: { min: 1, max: ANY },
    section: "system",
    completes,
    flags: { format, ...more } as Flags & { format: typeof format },
    examples: [{ what: "Everything", line: `${type} inspect NAME` }],
    run: (cli, { flags, args }) => show(cli, args, flags.format, type, flags as Wishes),
  });
}
