/** A pull's events as the lines that Docker's clients draw. */

import { shortDigest } from "../../../common/digest.ts";
import type { ProgressLine } from "../../../common/docker/image.ts";
import type { LayerEvent, TransferEvent } from "../../transfer/progress.ts";

const STATUS: Readonly<Partial<Record<LayerEvent["status"], string>>> = {
  waiting: "Waiting",
  exists: "Already exists",
  downloading: "Downloading",
  downloaded: "Download complete",
  extracting: "Extracting",
  complete: "Pull complete",
  retrying: "Retrying",
};

/** Lines for an event. `shown` is the tag or digest that is pulled. */
export function pullLines(event: TransferEvent, from: { repository: string; shown: string }): ProgressLine[] {
  if (event.kind === "resolved") return [{ status: `Pulling from ${from.repository}`, id: from.shown }];
  if (event.kind === "saved") return [];
  if (event.kind === "layers") {
    return event.layers.map(({ digest }) => ({
      status: "Pulling fs layer",
      progressDetail: {},
      id: shortDigest(digest),
    }));
  }
  const id = shortDigest(event.id);
  const status = STATUS[event.status];
  if (status === undefined) return [];
  if (event.status === "retrying") {
    return [{ status: `Retrying in ${Math.ceil((event.retryIn ?? 0) / 1000)} seconds`, progressDetail: {}, id }];
  }
  const counting = event.status === "downloading" || event.status === "extracting";
  if (!counting || event.current === undefined) return [{ status, progressDetail: {}, id }];
  const { current, total } = event;
  return [{ status, progressDetail: { current, ...(total ? { total } : {}) }, progress: bar(current, total), id }];
}

/** Docker's own bar: `[====>      ]  1.2MB/3.4MB`. */
function bar(current: number, total: number | undefined): string {
  if (!total) return `${size(current)}`;
  const done = Math.min(50, Math.floor((current / total) * 50));
  const head = done < 50 ? ">" : "";
  return `[${"=".repeat(done)}${head}${" ".repeat(Math.max(0, 50 - done - head.length))}]  ${size(current)}/${size(total)}`;
}

/** Four digits and a decimal unit, as go-units has them. */
export function size(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${Number(value.toPrecision(4))}${units[unit]}`;
}
