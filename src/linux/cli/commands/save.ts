// wharf save, load, import: images as archives.
import { ANY } from "../../../common/cli/command.ts";
import { bool, list, string } from "../../../common/cli/flags.ts";
import { WharfError } from "../../../common/errors.ts";
import { parseReference } from "../../../common/reference.ts";
import { sys } from "../../sys/call.ts";
import { Fd, O, open } from "../../sys/fs.ts";
import { NR } from "../../sys/nr.ts";
import { type Cli, command } from "../cli.ts";
import { pieces } from "../http/upload.ts";
import { showMessages } from "../image/messages.ts";
import { platformQuery } from "../image/path.ts";
import { checkArchiveOutput, download } from "../stream/download.ts";

const F_DUPFD_CLOEXEC = 1030;

export const save = command({
  name: "save",
  summary: "Write images as a tar archive",
  description: "The archive is an OCI layout and a docker archive in one, which 'wharf load' and 'docker load' take.",
  usage: "IMAGE [IMAGE...]",
  args: { min: 1, max: ANY },
  section: "images",
  completes: "images",
  flags: {
    output: string("Write to a file instead of stdout", { short: "o", type: "FILE" }),
    platform: string("Only the image for this platform", { type: "OS/ARCH" }),
  },
  examples: [
    { what: "Into a file", line: "save -o app.tar app:1.2" },
    { what: "To another machine", line: "save app:1.2 | ssh host wharf load" },
  ],
  run: async (cli, { flags, args }) => {
    checkArchiveOutput(cli, flags.output);
    using response = await cli.api.request("GET", "/images/get", {
      query: { names: args, platform: platformQuery(flags.platform) },
      doing: "save image",
    });
    return await download(response, flags.output);
  },
});

/** The file, or stdin for "" and "-"; what a terminal types is no archive. */
function openInput(cli: Cli, path: string, hint: string): Fd {
  if (path !== "" && path !== "-") return new Fd(open(path, O.RDONLY));
  if (cli.isTerminal(0))
    throw new WharfError("FailedPrecondition", "an archive does not come from a terminal", { hint });
  return new Fd(sys("read stdin", undefined, NR.fcntl, 0, F_DUPFD_CLOEXEC, 3));
}

export const load = command({
  name: "load",
  summary: "Take the images of a tar archive",
  description: "Takes docker archives and OCI layouts, plain or packed with gzip or zstd.",
  usage: "",
  args: { min: 0, max: 0 },
  section: "images",
  flags: {
    input: string("Read from a file instead of stdin", { short: "i", type: "FILE" }),
    platform: string("Only the image for this platform", { type: "OS/ARCH" }),
    quiet: bool("No progress", { short: "q" }),
  },
  examples: [{ what: "From a file", line: "load -i app.tar" }],
  run: async (cli, { flags }) => {
    using file = openInput(cli, flags.input, "use -i FILE or redirect stdin");
    using response = await cli.api.upload(
      "POST",
      "/images/load",
      {
        query: { quiet: flags.quiet || !cli.isTerminal(1), platform: platformQuery(flags.platform) },
        headers: { "Content-Type": "application/x-tar" },
        doing: "load images",
      },
      pieces(file.value),
    );
    await showMessages(cli, response, { quiet: false, doing: "load images" }, ({ stream }) => {
      if (stream !== undefined) cli.out(stream);
      return stream !== undefined;
    });
    return 0;
  },
});

export const importCommand = command({
  name: "import",
  summary: "Make an image of a tar archive of files",
  usage: "FILE|URL|- [NAME[:TAG]]",
  args: { min: 1, max: 2 },
  section: "images",
  completes: "files",
  flags: {
    change: list("An instruction of a Dockerfile for the image's configuration", { short: "c" }),
    message: string("Comment of the image", { short: "m" }),
    platform: string("Platform of the image: linux/amd64", { type: "OS/ARCH" }),
  },
  examples: [{ what: "With a command", line: "import -c 'CMD [\"/app\"]' rootfs.tar app:1" }],
  run: async (cli, { flags, args }) => {
    const [from, name] = args;
    if (name !== undefined) parseReference(name);
    const remote = /^https?:\/\//.test(from!);
    const options = {
      query: {
        fromSrc: remote ? from : "-",
        repo: name,
        message: flags.message || undefined,
        changes: flags.change,
        platform: flags.platform || undefined,
      },
      headers: { "Content-Type": "application/x-tar" },
      doing: "import image",
    };
    using file = remote ? undefined : openInput(cli, from!, "redirect stdin");
    using response = file
      ? await cli.api.upload("POST", "/images/create", options, pieces(file.value))
      : await cli.api.request("POST", "/images/create", options);
    await showMessages(cli, response, { quiet: false, doing: "import image" });
    return 0;
  },
});
