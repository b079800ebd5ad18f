/** containerd.services.transfer.v1 and streaming.v1: transfers, and the streams that their progress, credentials and bytes take. */

import { WharfError } from "../../../common/errors.ts";
import { StreamInit, StreamingService } from "../../../common/gen/containerd/services/streaming.ts";
import { TransferService } from "../../../common/gen/containerd/services/transfer.ts";
import { Progress } from "../../../common/gen/containerd/transfer/progress.ts";
import { packAny, unpackAny } from "../../../common/protobuf/any.ts";
import type { TransferProgress } from "../../containerd/api/transfer.ts";
import type { Any } from "../../containerd/api/types.ts";
import type { ContainerdCore } from "../../containerd/api.ts";
import { type CallContext, clientOf } from "../context.ts";
import { required, toDescriptor } from "../convert.ts";
import type { Router } from "../router.ts";
import { ClientStream, Streams } from "../streams.ts";
import { transferEnd } from "../transfer-ends.ts";

/** What a stream is answered with once it is registered. */
const READY: Any = { typeUrl: "google.protobuf.Empty", value: new Uint8Array(0) };

export function addTransfer(router: Router, core: ContainerdCore): void {
  const streams = new Streams();
  router.add(StreamingService, { stream: (requests, call) => serveStream(core, streams, requests, call) });
  router.add(TransferService, {
    transfer: async ({ source, destination, options }, call) => {
      const client = clientOf(core, call);
      const find = (id: string) => streams.get(client.namespace, id);
      using held = new DisposableStack();
      const hold = (id: string) => held.adopt(find(id), (stream) => stream.close());
      const from = transferEnd(required(source, "source"), hold);
      const to = transferEnd(required(destination, "destination"), hold);
      const report = options?.progressStream ? hold(options.progressStream) : undefined;
      const progress = report && ((told: TransferProgress) => void report.send(packProgress(told)));
      await client.transfer.transfer(from, to, { progress, signal: call.signal });
      return {};
    },
  });
}

async function* serveStream(
  core: ContainerdCore,
  streams: Streams,
  requests: AsyncIterable<Any>,
  call: CallContext,
): AsyncGenerator<Any> {
  const { namespace } = clientOf(core, call);
  const incoming = requests[Symbol.asyncIterator]();
  const first = await incoming.next();
  if (first.done) throw new WharfError("InvalidArgument", "the stream ended before it said its id");
  const { id } = unpackAny(StreamInit, first.value);
  const stream = new ClientStream(incoming);
  using _ = streams.register(namespace, id, stream);
  const gone = () => stream.close();
  call.signal.addEventListener("abort", gone, { once: true });
  yield READY;
  yield* stream.outgoing();
}

function packProgress({ event, name, parents = [], progress = 0, total = 0, desc }: TransferProgress): Any {
  return packAny(Progress, { event, name, parents, progress, total, desc: desc && toDescriptor(desc) });
}
