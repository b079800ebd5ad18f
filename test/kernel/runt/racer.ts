// A hostile process that exchanges two names in a folder for ever, as fast as it can: renameat2(2) with RENAME_EXCHANGE.
import { spawn } from "node:child_process";

// Perl, because every Debian has it, the guest's too: 316 is renameat2, -100 AT_FDCWD
const SCRIPT = `
my ($folder, $one, $other) = @ARGV;
chdir $folder or die "$folder: $!";
syscall(316, -100, $one, -100, $other, 2) == 0 or die "renameat2: $!";
$| = 1;
print "ready\\n";
while (1) { syscall(316, -100, $one, -100, $other, 2) }
`;

/** Resolves when it is at work. Disposing of it throws when it was not at work any more. */
export async function exchanging(folder: string, one: string, other: string): Promise<AsyncDisposable> {
  const racer = spawn("perl", ["-e", SCRIPT, folder, one, other], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise<void>((resolve) => racer.on("close", () => resolve()));
  const ready = new Promise<boolean>((resolve) => racer.stdout.once("data", () => resolve(true)));
  if (!(await Promise.race([ready, ended]))) throw new Error("nothing is exchanged");
  return {
    async [Symbol.asyncDispose]() {
      const worked = racer.exitCode === null;
      racer.kill("SIGKILL");
      await ended;
      if (!worked) throw new Error("the exchange has stopped by itself");
    },
  };
}
