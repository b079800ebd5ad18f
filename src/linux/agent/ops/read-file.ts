// Operation `readFile`: a file of a tree, as a process in the tree would find it.
import type { AnswerOf, RequestOf } from "../../../common/agent/protocol.ts";
import { WharfError } from "../../../common/errors.ts";
import { fstat, O, read, S_IFMT, S_IFREG } from "../../sys/fs.ts";
import type { Channel } from "../channel.ts";
import { openInTree, openTree } from "../tree.ts";

export function readFileOf({ tree, path, maxSize }: RequestOf<"readFile">, channel: Channel): AnswerOf<"readFile"> {
  using root = openTree(tree);
  // a FIFO must not hold us up
  using file = openInTree(root.value, path, O.RDONLY | O.NONBLOCK | O.NOCTTY);
  if ((fstat(file.value).mode & S_IFMT) !== S_IFREG) {
    throw new WharfError("FailedPrecondition", `${JSON.stringify(path)} is not a file`, {
      operation: "read",
      subject: path,
    });
  }
  const buffer = new Uint8Array(256 << 10);
  let size = 0;
  for (let n = read(file.value, buffer); n > 0; n = read(file.value, buffer)) {
    size += n;
    if (maxSize !== undefined && size > maxSize) {
      throw new WharfError("ResourceExhausted", `${JSON.stringify(path)} is larger than ${maxSize} bytes`, {
        subject: path,
      });
    }
    channel.data(native.address(buffer), n);
  }
  return { size };
}
