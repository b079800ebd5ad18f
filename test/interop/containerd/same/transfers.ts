// Transfers and streams.
import { ImagesService } from "../../../../src/common/gen/containerd/services/images.ts";
import { StreamingService } from "../../../../src/common/gen/containerd/services/streaming.ts";
import { TransferService } from "../../../../src/common/gen/containerd/services/transfer.ts";
import { ImageStore } from "../../../../src/common/gen/containerd/transfer/imagestore.ts";
import { packAny } from "../../../../src/common/protobuf/any.ts";
import type { Side } from "./side.ts";

const DIGEST = `sha256:${"a".repeat(64)}`;

export async function transfers(side: Side): Promise<void> {
  const S = TransferService;
  const any = { typeUrl: "containerd.types.transfer.ImageStore", value: Uint8Array.of(10, 1, 97) };
  await side.call("transfer: nothing", S, "transfer", {});
  await side.call("transfer: only a source", S, "transfer", { source: any });
  await side.call("transfer: an unknown source", S, "transfer", { source: { typeUrl: "x.Y" }, destination: any });
  await side.call("transfer: an unknown destination", S, "transfer", { source: any, destination: { typeUrl: "x.Y" } });
  await side.call("transfer: broken bytes", S, "transfer", {
    source: { ...any, value: Uint8Array.of(10, 200) },
    destination: any,
  });
  await side.call("transfer: a tag of what is not there", S, "transfer", {
    source: any,
    destination: { ...any, value: Uint8Array.of(10, 1, 98) },
  });
  await side.call("transfer: a progress stream that is not there", S, "transfer", {
    source: any,
    destination: any,
    options: { progressStream: "nothing" },
  });
  await side.call("transfer: an export to a stream that is not there", S, "transfer", {
    source: any,
    destination: { typeUrl: "containerd.types.transfer.ImageExportStream", value: Uint8Array.of(10, 1, 97) },
  });
  await side.call("transfer: an import from a stream that is not there", S, "transfer", {
    source: { typeUrl: "containerd.types.transfer.ImageImportStream", value: Uint8Array.of(10, 1, 97) },
    destination: any,
  });
  await side.call("transfer: without a namespace", S, "transfer", { source: any, destination: any }, { namespace: "" });
  const T = StreamingService;
  await side.call("stream: nothing", T, "stream", []);
  await side.call("stream: another message first", T, "stream", [any]);
  const init = { typeUrl: "containerd.services.streaming.v1.StreamInit", value: Uint8Array.of(10, 1, 97) };
  await side.call("stream: broken bytes", T, "stream", [{ ...init, value: Uint8Array.of(10, 200) }]);
  const open = side.open(T, "stream");
  open.send(init);
  side.note("stream: opened", { code: 0, message: "" }, [await open.next()]);
  const target = { mediaType: "m", digest: DIGEST, size: 3 };
  await side.quiet(ImagesService, "create", { image: { name: "a", target } });
  await side.call("transfer: a tag", S, "transfer", {
    source: any,
    destination: packAny(ImageStore, { name: "b", labels: { c: "d" } }),
  });
  await side.call("transfer: what was tagged", ImagesService, "get", { name: "b" });
  for (const name of ["a", "b"]) await side.quiet(ImagesService, "delete", { name });
  await side.call("stream: the same again", T, "stream", [init]);
  open.cancel();
  await open.outcome;
}
