// Docker's own CLI on a test's daemon.
import assert from "node:assert/strict";
import type { Daemon } from "../e2e/daemon.ts";

export function commandLine(daemon: () => Daemon) {
  return {
    /** Expected to succeed; its standard output without the last newline. */
    async ok(...args: string[]): Promise<string> {
      const { stdout, stderr, code } = await daemon().docker(args);
      assert.equal(code, 0, `docker ${args.join(" ")}: ${stderr}${stdout}`);
      return stdout.replace(/\n$/, "");
    },
    /** Expected to fail, and to say so. */
    async refused(pattern: RegExp, ...args: string[]): Promise<void> {
      const { stdout, stderr, code } = await daemon().docker(args);
      assert.notEqual(code, 0, `docker ${args.join(" ")} should fail: ${stdout}`);
      assert.match(stderr, pattern);
    },
  };
}
