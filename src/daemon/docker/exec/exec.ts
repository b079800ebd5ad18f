/** An exec: a further process of a container, in memory as long as the container lives. */

import type { Container } from "../containers/container.ts";
import type { ExecProcess } from "./process.ts";

export interface Exec extends ExecProcess {
  readonly container: Container;
}
