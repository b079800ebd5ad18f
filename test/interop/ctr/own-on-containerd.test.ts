// Our ctr on a real containerd 2.1.
import { ctrSuite } from "./suite.ts";

ctrSuite({ client: "our ctr", server: "real containerd" });
