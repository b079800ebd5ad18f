/** Bytes over a stream, with the receiver saying how many it takes (containerd, core/transfer/streaming). */

import { WharfError } from "../../common/errors.ts";
import { Data, WindowUpdate } from "../../common/gen/containerd/transfer/streaming.ts";
import { isAny, packAny, unpackAny } from "../../common/protobuf/any.ts";
import type { ClientStream } from "./streams.ts";

/** Bytes that a client may send ahead. containerd's own clients send 32 KiB a message, whatever is allowed. */
const WINDOW = 1 << 20;
const MESSAGE = 32 * 1024;

/** What the client sends, until it ends the stream. */
export async function* readBytes(stream: ClientStream): AsyncGenerator<Uint8Array> {
  try {
    let window = 0;
    for (;;) {
      if (window < WINDOW / 2) {
        const update = WINDOW - window;
        void stream.send(packAny(WindowUpdate, { update }));
        window += update;
      }
      const any = await stream.receive();
      if (!any) return;
      if (!isAny(any, Data)) continue;
      const { data } = unpackAny(Data, any);
      window -= data.length;
      yield data;
    }
  } finally {
    stream.close();
  }
}

/** A function that sends bytes as the client has room for them. Canceled when the client has gone. */
export function writeBytes(stream: ClientStream): (data: Uint8Array) => Promise<void> {
  let room = 0;
  return async (data) => {
    for (let at = 0; at < data.length; ) {
      while (room <= 0) {
        const any = await stream.receive();
        if (!any) throw new WharfError("Canceled", "the client no longer takes bytes", { operation: "send stream" });
        if (isAny(any, WindowUpdate)) room += unpackAny(WindowUpdate, any).update;
      }
      const part = data.subarray(at, at + Math.min(room, MESSAGE));
      await stream.send(packAny(Data, { data: part }));
      room -= part.length;
      at += part.length;
    }
  };
}
