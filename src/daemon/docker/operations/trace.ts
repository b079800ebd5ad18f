/** GET /wharf/trace/{id}: the spans of one trace, ours and those of the linux-world processes. */

import { WharfError } from "../../../common/errors.ts";
import { type Operation, operation } from "../../http/operation.ts";
import { collectTrace } from "../../trace/files.ts";
import type { Engine } from "../engine.ts";

export function traceOperations(engine: Engine): Operation[] {
  return [
    operation({
      id: "WharfTrace",
      method: "GET",
      path: "/wharf/trace/{id}",
      summary: "all spans of a trace that are known here",
      handler: async (x) => {
        const id = x.param("id");
        if (!/^[0-9a-f]{32}$/.test(id))
          throw new WharfError("InvalidArgument", "a trace id has 32 hex digits", { subject: id });
        const spans = await collectTrace(engine.state, id);
        if (spans.length === 0)
          throw new WharfError("NotFound", `no such trace: ${id}`, { hint: "the last few hundred are kept" });
        x.json(200, spans);
      },
    }),
  ];
}
