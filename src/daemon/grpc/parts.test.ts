import assert from "node:assert/strict";
import { test } from "node:test";
import { ContainersService } from "../../common/gen/containerd/services/containers.ts";
import { RawMessage } from "../../common/grpc/message.ts";
import { decode } from "../../common/protobuf/codec.ts";
import { PART } from "../turn.ts";
import { listing } from "./parts.ts";

const { output } = ContainersService.methods.list;
const listed = (ids: readonly string[]) =>
  listing(output, ids, (some) => ({ containers: some.map((id) => ({ id, labels: { of: id } })) }));

test("listing() of many items is encoded a part a turn, and is one message with all of them", async () => {
  const ids = Array.from({ length: 3 * PART + 1 }, (_, i) => `c${i}`);
  let turns = 0;
  const count = () => {
    turns++;
    counter = setImmediate(count);
  };
  let counter = setImmediate(count);
  const message: unknown = await listed(ids);
  clearImmediate(counter);
  assert.ok(turns >= 3, `others had ${turns} turns meanwhile`);
  assert.ok(message instanceof RawMessage);
  const bytes = Buffer.concat([message.head, message.tail, ...message.more]);
  assert.equal(bytes.length, message.length);
  const { containers } = decode(output, bytes);
  assert.deepEqual(
    containers.map(({ id, labels }) => [id, labels.of]),
    ids.map((id) => [id, id]),
  );
});

test("listing() of few is a message as any other", async () => {
  assert.deepEqual(await listed(["a"]), { containers: [{ id: "a", labels: { of: "a" } }] });
});
