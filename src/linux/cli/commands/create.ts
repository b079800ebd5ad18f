// wharf create: a container that is not started yet.
import { ANY } from "../../../common/cli/command.ts";
import { CONTAINER_FLAGS, CONTAINER_TOPICS, CREATE_FLAGS } from "../../../common/cli/container/flags.ts";
import { command } from "../cli.ts";
import { bodyOf, createContainer, IdFile } from "../container/create.ts";

export const create = command({
  name: "create",
  summary: "Create a container without starting it",
  description: "Takes the flags of run that describe a container. Prints the id; 'wharf start' starts it.",
  usage: "IMAGE [COMMAND] [ARG...]",
  args: { min: 1, max: ANY },
  flags: { ...CONTAINER_FLAGS, ...CREATE_FLAGS },
  topics: CONTAINER_TOPICS,
  interspersed: false,
  section: "containers",
  completes: "images",
  examples: [
    { what: "Prepare now, start later", line: "create --name job busybox sleep 60" },
    { what: "Get at an image's files", line: "export $(wharf create busybox) > files.tar" },
  ],
  run: async (cli, input) => {
    using idFile = new IdFile(input.flags.cidfile);
    const { Id: id } = await createContainer(cli, bodyOf(cli, input, input.args), input.flags);
    idFile.write(id);
    cli.out(`${id}\n`);
    return 0;
  },
});
