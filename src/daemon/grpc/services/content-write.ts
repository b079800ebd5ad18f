/** Content.Write: one stream writes one ingest. The first message opens it, each is answered with the state after it. */

import { parseDigest } from "../../../common/digest.ts";
import { WharfError } from "../../../common/errors.ts";
import {
  WriteAction,
  type WriteContentRequest,
  type WriteContentResponse,
} from "../../../common/gen/containerd/services/content.ts";
import type { Init } from "../../../common/protobuf/schema.ts";
import type { ContentWriter } from "../../containerd/api/content.ts";
import type { Digest } from "../../containerd/api/types.ts";
import type { Containerd } from "../../containerd/api.ts";
import { fromLabels, toTime } from "../convert.ts";

/** What the messages of a stream have told so far. */
interface Session {
  client: Containerd;
  writer: ContentWriter;
  total: number;
  expected: Digest | undefined;
}

export async function* writeContent(
  client: Containerd,
  requests: AsyncIterable<WriteContentRequest>,
): AsyncGenerator<Init<WriteContentResponse>> {
  let session: Session | undefined;
  try {
    for await (const request of requests) {
      session ??= await open(client, request);
      yield await step(session, request);
      if (request.action === WriteAction.COMMIT) return;
    }
  } finally {
    // What was written stays for the next one to take up.
    await session?.writer.close();
  }
}

async function open(client: Containerd, request: WriteContentRequest): Promise<Session> {
  const { ref, total } = request;
  if (ref === "") throw new WharfError("InvalidArgument", "first message must have a reference");
  const expected = digestOf(request.expected);
  const writer = await client.content.writer({ ref, size: total, digest: expected });
  return { client, writer, total, expected };
}

async function step(session: Session, request: WriteContentRequest): Promise<Init<WriteContentResponse>> {
  const { writer } = session;
  const { action, offset, data } = request;
  const before = writer.status();
  if (request.expected !== "") await expect(session, digestOf(request.expected)!);
  if (request.total > 0) session.total = request.total;
  if (action === WriteAction.STAT) {
    const { startedAt, updatedAt } = before;
    const digest = await writer.digest();
    return { action, offset: before.offset, total: session.total, digest, ...times(startedAt, updatedAt) };
  }
  if (action !== WriteAction.WRITE && action !== WriteAction.COMMIT) {
    throw new WharfError("InvalidArgument", `unknown write action ${action}`);
  }
  let at = before.offset;
  if (offset > 0 && offset !== at) {
    throw new WharfError("OutOfRange", `write @${offset} must occur at current offset ${at}`);
  }
  if (offset === 0 && at > 0) {
    await writer.truncate(0);
    at = 0;
  }
  if (data.length > 0) {
    await writer.write(data);
    at += data.length;
  }
  if (action === WriteAction.WRITE) {
    // One who does not know beforehand what is written learns it here (BuildKit's differ). Hashing goes on beside the writing for all others.
    return { action, offset: at, digest: session.expected ? "" : await writer.digest() };
  }
  const { total, expected } = session;
  const labels = fromLabels(request.labels);
  const digest = await writer.commit({ size: total > 0 ? total : undefined, digest: expected, labels });
  return { action, offset: at, digest };
}

/** A blob that came from elsewhere meanwhile makes the ingest needless. */
async function expect(session: Session, digest: Digest): Promise<void> {
  const { client, writer } = session;
  session.expected = digest;
  const there = await client.content.info(digest).then(
    () => true,
    () => false,
  );
  if (!there) return;
  await writer.close();
  await client.content.abort(writer.ref).catch(() => {});
  throw new WharfError("AlreadyExists", `blob with expected digest ${digest} exists`, { subject: digest });
}

/** InvalidArgument for text that is no digest; undefined for none. */
function digestOf(text: string): Digest | undefined {
  if (text === "") return undefined;
  parseDigest(text);
  return text as Digest;
}

function times(startedAt: string, updatedAt: string) {
  return { startedAt: toTime(startedAt), updatedAt: toTime(updatedAt) };
}
