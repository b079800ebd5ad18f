// The command tree as JSON on stdout, for the ledger: what the program declares, against what docker has.
import { isGroup } from "../../common/cli/command.ts";
import type { Flags } from "../../common/cli/flags.ts";
import { stdout } from "../sys/out.ts";
import type { WharfNode } from "./cli.ts";
import { ROOT } from "./commands/index.ts";

interface Declared {
  readonly flags: readonly {
    readonly name: string;
    readonly short?: string | undefined;
    readonly takesValue: boolean;
  }[];
}

export function main(): number {
  const tree: Record<string, Declared> = {};
  const visit = (node: WharfNode, path: string) => {
    if (isGroup(node)) {
      for (const [name, child] of node.commands) visit(child, `${path} ${name}`);
      return;
    }
    const flags = Object.entries(node.flags as Flags).map(([name, { short, type }]) => ({
      name,
      short,
      takesValue: type !== "",
    }));
    tree[path] = { flags };
  };
  for (const [name, node] of ROOT) visit(node, name);
  stdout(JSON.stringify(tree));
  return 0;
}
