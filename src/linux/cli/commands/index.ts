// All commands. A new one is a file beside this one and a line here.
import type { Section } from "../../../common/cli/command.ts";
import type { WharfNode } from "../cli.ts";
import { run } from "./run.ts";

export const SECTIONS: readonly Section[] = [
  { name: "containers", title: "Containers" },
  { name: "images", title: "Images" },
  { name: "system", title: "System" },
];

const COMMANDS: readonly WharfNode[] = [run];

export const ROOT: ReadonlyMap<string, WharfNode> = new Map(COMMANDS.map((node) => [node.name, node]));
