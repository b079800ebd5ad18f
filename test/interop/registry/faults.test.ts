// The daemon reads and writes the layers itself, as it does over TLS.
import { faultsSuite } from "./faults.ts";

faultsSuite();
