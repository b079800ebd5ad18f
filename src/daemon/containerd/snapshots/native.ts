/**
 * The snapshotter `native`: an active snapshot is a plain copy of its parent and mounted by a bind, for file systems and kernels where
 * there is no overlay. The copy is made beside its place and moved there by the transaction.
 */

import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import type { Scope } from "../core/scope.ts";
import type { SnapshotFiles } from "./files.ts";
import type { Layout } from "./layout.ts";

export const NATIVE_SNAPSHOTTER = "native";

export function nativeLayout(files: SnapshotFiles, { agent, log }: Scope["shared"]): Layout {
  const discard = async (draft: string | undefined) => {
    // What cannot be removed now goes at the next start, as all that no row knows.
    if (draft) await agent.remove([draft]).catch((error: unknown) => log(`cannot remove ${draft}`, error));
  };
  return {
    files,
    rebases: false,
    remaps: false,
    async draft(parent) {
      const draft = join(files.root, `new-${randomBytes(8).toString("hex")}`);
      files.check(parent);
      mkdirSync(draft, { mode: 0o700 });
      try {
        await agent.copy(files.upper(parent), join(draft, "fs"));
      } catch (error) {
        await discard(draft);
        throw error;
      }
      return draft;
    },
    discard,
    place(id, { parent, draft }) {
      if (draft) renameSync(draft, files.directory(id));
      else files.create(id, { parent, work: false, owner: undefined });
    },
    undo(id, draft) {
      if (!draft) files.undo(id);
      else if (existsSync(files.directory(id))) renameSync(files.directory(id), draft);
    },
    mounts(id, kind, parents) {
      // Nobody writes to a view: its parent will do.
      const shown = kind === "view" && parents.length > 0 ? parents[0]! : id;
      files.check(shown);
      const options = ["rbind", kind === "active" ? "rw" : "ro"];
      return [{ type: "bind", source: files.upper(shown), target: "", options }];
    },
  };
}
