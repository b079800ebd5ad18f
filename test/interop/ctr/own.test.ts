// Our ctr on our containerd.sock.
import { ctrSuite } from "./suite.ts";

ctrSuite({ client: "our ctr", server: "our daemon" });
