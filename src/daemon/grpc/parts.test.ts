import assert from "node:assert/strict";
import { test } from "node:test";
import { ContainersService } from "../../common/gen/containerd/services/containers.ts";
import { RawMessage } from "../../common/grpc/message.ts";
import { decode } from "../../common/protobuf/codec.ts";
import { listing } from "./parts.ts";

const { output } = ContainersService.methods.list;

/** What a list of these pages has in its message. */
async function listed(pages: readonly string[][]): Promise<{ parts: number; listed: string[][] }> {
  async function* each() {
    yield* pages;
  }
  const message: unknown = await listing(output, each(), (some) => ({
    containers: some.map((id) => ({ id, labels: { of: id } })),
  }));
  assert.ok(message instanceof RawMessage);
  const bytes = Buffer.concat([message.head, ...message.parts]);
  assert.equal(bytes.length, message.length);
  const { containers } = decode(output, bytes);
  message.sent?.();
  assert.ok(
    message.parts.every(({ length }) => length === 0),
    "what was sent is given back",
  );
  return { parts: message.parts.length, listed: containers.map(({ id, labels }) => [id, labels.of!]) };
}

test("listing() is one message with the items of all pages, each encoded by itself", async () => {
  const pages = [["a", "b"], [], ["c"], ["d"]];
  const expected = pages.flat().map((id) => [id, id]);
  assert.deepEqual(await listed(pages), { parts: 3, listed: expected });
  assert.deepEqual(await listed([["a"]]), { parts: 1, listed: [["a", "a"]] });
  assert.deepEqual(await listed([]), { parts: 0, listed: [] });
});
