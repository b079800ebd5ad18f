// The command tree as JSON on stdout: what the program declares, for the comparison with the original's help.
import { isGroup } from "../../common/cli/command.ts";
import type { Flags } from "../../common/cli/flags.ts";
import { stdout } from "../sys/out.ts";
import { COMMANDS } from "./commands/index.ts";
import type { CtrNode } from "./ctr.ts";

/** What stands for something that is refused does not count as there. */
function names(flags: Flags): string[] {
  const served = Object.entries(flags).filter(([, { refused }]) => refused === undefined);
  return served.flatMap(([name, { short }]) => (short ? [name, short] : [name]));
}

export function main(): number {
  const tree: Record<string, string[]> = {};
  const visit = (node: CtrNode, path: string) => {
    if (isGroup(node)) {
      tree[path] = names(node.flags ?? {});
      for (const [name, child] of node.commands) visit(child, `${path} ${name}`);
      return;
    }
    tree[path] = names(node.flags as Flags);
  };
  for (const [name, node] of COMMANDS) visit(node, name);
  stdout(JSON.stringify(tree));
  return 0;
}
