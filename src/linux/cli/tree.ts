// The command tree as JSON on stdout, for the ledger: what the program declares, against what docker has.
import { isGroup } from "../../common/cli/command.ts";
import type { Flags } from "../../common/cli/flags.ts";
import { stdout } from "../sys/out.ts";
import type { WharfNode } from "./cli.ts";
import { ROOT } from "./commands/index.ts";
import { GLOBAL_FLAGS } from "./global-flags.ts";

interface Declared {
  readonly flags: readonly {
    readonly name: string;
    readonly short?: string | undefined;
    readonly takesValue: boolean;
    readonly refused: boolean;
  }[];
}

function declared(flags: Flags): Declared {
  const list = Object.entries(flags).map(([name, { short, type, refused }]) => ({
    name,
    short,
    takesValue: type !== "",
    refused: refused !== undefined,
  }));
  return { flags: list };
}

export function main(): number {
  const tree: Record<string, Declared> = { "": declared(GLOBAL_FLAGS) };
  const visit = (node: WharfNode, path: string) => {
    if (isGroup(node)) {
      for (const [name, child] of node.commands) visit(child, `${path} ${name}`);
      return;
    }
    tree[path] = declared(node.flags as Flags);
  };
  for (const [name, node] of ROOT) visit(node, name);
  stdout(JSON.stringify(tree));
  return 0;
}
