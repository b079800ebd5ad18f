// Bridge networks: short operations, in the agent itself, which keeps the netlink socket that is slow to close.
import type { RequestOf } from "../../../common/agent/protocol.ts";
import { attach, detach, ensureBridge, removeBridge } from "../../net/bridge.ts";

export const networkOperations = {
  networkEnsure({ network }: RequestOf<"networkEnsure">) {
    ensureBridge(network);
    return {};
  },
  networkRemove({ network }: RequestOf<"networkRemove">) {
    removeBridge(network);
    return {};
  },
  networkAttach: (request: RequestOf<"networkAttach">) => attach(request),
  networkDetach(request: RequestOf<"networkDetach">) {
    detach(request);
    return {};
  },
};
