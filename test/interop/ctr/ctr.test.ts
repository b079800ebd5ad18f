// Real ctr 2.1 on our containerd.sock.
import { ctrSuite } from "./suite.ts";

ctrSuite({ client: "real ctr", server: "our daemon" });
