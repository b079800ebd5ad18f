// A person's editor on a file that is gone afterwards.
import { WharfError } from "../../common/errors.ts";
import { mkdirs, readFile, rmdir, unlinkIfThere, writeFile } from "../sys/fs.ts";
import { environment, exec, exit, fork, wait } from "../sys/process.ts";
import { randomBytes } from "../sys/time.ts";
import { hex } from "./ctr.ts";

/** The content after the editor has ended. FailedPrecondition when it ends with an error. */
export function editFile(content: Uint8Array, editor: string): Uint8Array {
  const folder = `/tmp/ctr-edit-${hex(randomBytes(8))}`;
  const path = `${folder}/blob`;
  mkdirs(folder, 0o700);
  try {
    writeFile(path, content, 0o600);
    const pid = fork();
    if (pid === 0) {
      const env = [...environment()].map(([name, value]) => `${name}=${value}`);
      try {
        exec("/bin/sh", ["sh", "-c", `${editor} "$1"`, "sh", path], env);
      } catch {
        exit(127);
      }
    }
    const ended = wait(pid);
    if (ended?.status !== 0) throw new WharfError("FailedPrecondition", `the editor ${JSON.stringify(editor)} failed`);
    return readFile(path);
  } finally {
    unlinkIfThere(path);
    rmdir(folder);
  }
}
