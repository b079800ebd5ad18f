/**
 * Flags of the engine that are set when the daemon's modules are loaded, and before the first collection of old objects, which says how far they may
 * grow. What Node carries ready compiled of its own modules is good for the engine's default
 * flags only: set from the beginning, each of these has Node compile its fifty modules that wharfd loads from their text (27 ms of a start's CPU
 * time, counted in turns of up to 10 ms). Flags that leave the compiled code alone are on the command line (tools/build.ts).
 */

/** Measured: docs/development.md, "The daemon's engine". */
export const LATE_FLAGS = [
  // Old objects move together, so that their pages come back.
  "--memory-saver-mode",
  // But few of them in one pause.
  "--compaction-max-evacuated-bytes-mb-for-optimize-memory=4",
  "--compaction-max-evacuated-bytes-mb-for-reduce-memory=4",
  // The second optimizing compiler costs tens of megabytes; after Maglev no request gets faster by it.
  "--no-turbofan",
];

export function setLateFlags(): void {
  const { setFlagsFromString } = process.getBuiltinModule("node:v8");
  for (const flag of LATE_FLAGS) setFlagsFromString(flag);
}
