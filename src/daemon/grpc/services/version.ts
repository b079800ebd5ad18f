/** Version and health: what a client asks first. */

import { WharfError } from "../../../common/errors.ts";
import { VersionService } from "../../../common/gen/containerd/services/version.ts";
import { HealthService, ServingStatus } from "../../../common/gen/grpc/health.ts";
import type { ContainerdCore } from "../../containerd/api.ts";
import type { Router } from "../router.ts";

export function addVersion(router: Router, core: ContainerdCore): void {
  router.add(VersionService, { version: () => core.version() });
  router.add(HealthService, {
    check: ({ service }) => {
      if (!knows(router, service)) throw new WharfError("NotFound", `unknown service ${JSON.stringify(service)}`);
      return { status: ServingStatus.SERVING };
    },
    async *watch({ service }, { signal }) {
      yield { status: knows(router, service) ? ServingStatus.SERVING : ServingStatus.SERVICE_UNKNOWN };
      // It stays as it is until the connection ends.
      await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    },
  });
}

function knows(router: Router, service: string): boolean {
  return service === "" || router.services.includes(service);
}
